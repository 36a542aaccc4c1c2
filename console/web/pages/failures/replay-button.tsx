/** One click to a safe replay: asks why, freezes the selection into a job and opens its preview. Nothing is sent by it. */
import { useQuery } from "@tanstack/react-query";
import { Alert, Checkbox, Flex, InputNumber, Typography } from "antd";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import type { ReplayJob, ReplayTerms } from "../../../../domain/operations/views-replay.ts";
import { get, post } from "../../api/client.ts";
import { useMay } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import type { Deeds } from "../../parts/deed.tsx";
import { NotNow } from "../../parts/not-now.tsx";
import "../replays/texts.ts";

export interface ReplaySelection {
  readonly ids?: readonly string[];
  readonly group?: string;
  readonly since?: string;
  readonly until?: string;
  readonly partner?: string;
  readonly kind?: string;
  readonly state?: string;
  readonly code?: string;
}

interface Terms {
  ratePerSecond: number | null;
  confirmedChecked: boolean;
  includeSuperseded: boolean;
}

export const useReplayTerms = () =>
  useQuery({ queryKey: ["/replay-terms"], queryFn: () => get<ReplayTerms>("/replay-terms"), staleTime: 60_000 });

/** Asks for reason and terms, makes the job, opens it. */
export function useMakeReplay(deeds: Deeds): (of: "write-backs" | "messages", select: ReplaySelection) => Promise<void> {
  const { t } = useTranslation("replays");
  const ask = useAskReason();
  const navigate = useNavigate();
  const limits = useReplayTerms().data;
  const terms = useRef<Terms>({ ratePerSecond: null, confirmedChecked: false, includeSuperseded: false });
  return async (of, select) => {
    terms.current = { ratePerSecond: limits?.ratePerSecond.default ?? null, confirmedChecked: false, includeSuperseded: false };
    const fields = (
      <Flex vertical gap="small" style={{ marginBottom: 12 }}>
        <Alert type="info" showIcon title={t("make.told")} />
        {of === "write-backs" && (
          <>
            <Checkbox
              onChange={(event) => {
                terms.current.confirmedChecked = event.target.checked;
              }}
            >
              {t("make.checked")}
            </Checkbox>
            <Checkbox
              onChange={(event) => {
                terms.current.includeSuperseded = event.target.checked;
              }}
            >
              {t("make.superseded")}
            </Checkbox>
          </>
        )}
        <Flex gap="small" align="center">
          <Typography.Text id="replay-rate">{t("make.rate")}</Typography.Text>
          <InputNumber<number>
            aria-labelledby="replay-rate"
            min={1}
            max={limits?.ratePerSecond.max ?? 1_000}
            {...(terms.current.ratePerSecond === null ? {} : { defaultValue: terms.current.ratePerSecond })}
            onChange={(value) => {
              terms.current.ratePerSecond = value;
            }}
          />
        </Flex>
      </Flex>
    );
    const reason = await ask({ title: t("make.title"), confirm: t("make.confirm"), fields });
    if (reason === undefined) return;
    const { ratePerSecond, confirmedChecked, includeSuperseded } = terms.current;
    const body = {
      of,
      select,
      reason,
      ...(ratePerSecond === null ? {} : { ratePerSecond }),
      ...(confirmedChecked ? { confirmedChecked } : {}),
      ...(includeSuperseded ? { includeSuperseded } : {}),
    };
    const made = await deeds.act(
      () => post<ReplayJob>("/replays", body),
      () => t("make.done"),
    );
    if (made !== undefined) navigate(`/replays/${made.id}`);
  };
}

export interface ReplayButtonProps {
  readonly of: "write-backs" | "messages";
  readonly select: ReplaySelection;
  readonly label: string;
  /** Why it cannot be done now. */
  readonly why?: string | undefined;
  readonly deeds: Deeds;
  readonly primary?: boolean;
  readonly small?: boolean;
}

export function ReplayButton({ of, select, label, why, deeds, primary = false, small = false }: ReplayButtonProps) {
  const { t } = useTranslation("replays");
  const may = useMay("replay");
  const make = useMakeReplay(deeds);
  return (
    <NotNow
      type={primary ? "primary" : "default"}
      size={small ? "small" : "middle"}
      why={may ? why : t("no.right.replay")}
      loading={deeds.busy}
      onClick={() => void make(of, select)}
    >
      {label}
    </NotNow>
  );
}
