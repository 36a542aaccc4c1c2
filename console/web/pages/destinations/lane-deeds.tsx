/** What a person does with one lane. The danger is said in words, with the bill's money and what stands behind it. */
import { Alert, Checkbox, Flex, Input, Radio, Typography } from "antd";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Done } from "../../../../domain/operations/views.ts";
import type { LaneRow } from "../../../../domain/operations/views-lanes.ts";
import { post } from "../../api/client.ts";
import { useMay } from "../../api/me.ts";
import { type AskReason, useAskReason } from "../../parts/ask-reason.tsx";
import type { Deeds } from "../../parts/deed.tsx";
import { yuanText } from "../../parts/fen.ts";
import { NotNow } from "../../parts/not-now.tsx";
import "../replays/texts.ts";

const RECEIPT_MAX = 128;
const LANE_MAX = 200;
type Decision = "done-by-hand" | "cancelled";
interface Skip {
  decision: Decision;
  hisReceiptNo: string;
  confirmedChecked: boolean;
}

const valuesOf = (row: LaneRow) => ({
  name: row.destination,
  lane: row.lane,
  kind: row.kind ?? "",
  money: yuanText(row.amount ?? "") ?? "—",
  n: row.behind,
  behind: yuanText(row.amountBehind) ?? row.amountBehind,
  by: row.heldBy ?? "",
  reason: row.reason ?? "",
});

interface LaneProps {
  readonly row: LaneRow;
  readonly deeds: Deeds;
}

/** Asks and does one of the plain deeds. */
function usePlain({ row, deeds }: LaneProps): (what: "unblock" | "park" | "release", path: string, body: object) => Promise<void> {
  const { t } = useTranslation("destinations");
  const ask = useAskReason();
  return async (what, path, body) => {
    const danger = what === "unblock";
    const fields = (
      <Alert type={danger ? "error" : "warning"} showIcon title={t(`lane.${what}.told`, valuesOf(row))} style={{ marginBottom: 12 }} />
    );
    const title = t(`lane.${what}.title`, valuesOf(row));
    const reason = await ask({ title, fields, danger, confirm: t(`lane.${what}`).replace("…", "") });
    if (reason === undefined) return;
    await deeds.act(
      () => post<Done>(path, { ...body, reason }),
      () => t(`lane.${what}.done`),
    );
  };
}

function SkipFields({ row, change }: { readonly row: LaneRow; readonly change: (skip: Partial<Skip>) => void }) {
  const { t } = useTranslation("destinations");
  return (
    <Flex vertical gap="small" style={{ marginBottom: 12 }}>
      <Alert type="error" showIcon title={t("lane.skip.told", valuesOf(row))} />
      <Radio.Group
        aria-label={t("lane.skip.decision")}
        defaultValue="done-by-hand"
        onChange={(event) => change({ decision: event.target.value as Decision })}
        options={(["done-by-hand", "cancelled"] as const).map((one) => ({ value: one, label: t(`lane.skip.${one}`) }))}
        vertical
      />
      <Typography.Text id="skip-receipt">{t("lane.skip.receipt")}</Typography.Text>
      <Input
        aria-labelledby="skip-receipt"
        maxLength={RECEIPT_MAX}
        onChange={(event) => change({ hisReceiptNo: event.target.value.trim() })}
      />
      <Checkbox onChange={(event) => change({ confirmedChecked: event.target.checked })}>{t("lane.skip.checked")}</Checkbox>
    </Flex>
  );
}

async function askSkip(ask: AskReason, row: LaneRow, title: string, confirm: string): Promise<object | undefined> {
  const skip: Skip = { decision: "done-by-hand", hisReceiptNo: "", confirmedChecked: false };
  const fields = <SkipFields row={row} change={(more) => void Object.assign(skip, more)} />;
  const reason = await ask({ title, fields, danger: true, confirm });
  if (reason === undefined) return undefined;
  const { decision, hisReceiptNo, confirmedChecked } = skip;
  return {
    reason,
    decision,
    ...(decision === "done-by-hand" && hisReceiptNo !== "" ? { hisReceiptNo } : {}),
    ...(confirmedChecked ? { confirmedChecked } : {}),
  };
}

export function LaneDeeds({ row, state, deeds }: LaneProps & { readonly state: "blocked" | "passed" | "held" }) {
  const { t } = useTranslation("destinations");
  const { t: r } = useTranslation("replays");
  const ask = useAskReason();
  const plain = usePlain({ row, deeds });
  const [mayGate, mayPark] = [useMay("gate"), useMay("resolve")];
  const { destination, lane, head, headState } = row;
  const no = mayGate ? undefined : r("no.right.gate");
  const at = { destination, lane };
  if (state === "held")
    return (
      <Flex gap={4} wrap>
        <NotNow size="small" type="primary" why={no} onClick={() => void plain("release", "/lanes/release", at)}>
          {t("lane.release")}
        </NotNow>
        {head !== undefined && (
          <NotNow
            size="small"
            why={mayPark ? (headState === "parked" ? t("lane.park.not") : undefined) : r("no.right.resolve")}
            onClick={() => void plain("park", `/write-backs/${head}/park`, {})}
          >
            {t("lane.park")}
          </NotNow>
        )}
      </Flex>
    );
  if (state === "passed" || head === undefined) return head === undefined ? null : <Typography.Text type="secondary">—</Typography.Text>;
  const skip = async (): Promise<void> => {
    const body = await askSkip(ask, row, t("lane.skip.title", valuesOf(row)), t("lane.skip").replace("…", ""));
    if (body === undefined) return;
    await deeds.act(
      () => post<Done>("/lanes/skip", { ...at, head, ...body }),
      () => t("lane.skip.done"),
    );
  };
  return (
    <Flex gap={4} wrap>
      <NotNow size="small" danger why={no} onClick={() => void plain("unblock", "/lanes/unblock", { ...at, head })}>
        {t("lane.unblock")}
      </NotNow>
      <NotNow size="small" danger why={no} onClick={() => void skip()}>
        {t("lane.skip")}
      </NotNow>
    </Flex>
  );
}

/** Holds any lane of a destination, by its key. */
export function HoldLane({ destination, deeds }: { readonly destination: string; readonly deeds: Deeds }) {
  const { t } = useTranslation("destinations");
  const { t: r } = useTranslation("replays");
  const ask = useAskReason();
  const lane = useRef("");
  const may = useMay("gate");
  const hold = async (): Promise<void> => {
    lane.current = "";
    const fields = (
      <Flex vertical gap="small" style={{ marginBottom: 12 }}>
        <Alert type="warning" showIcon title={t("lane.hold.told", { name: destination })} />
        <Typography.Text id="hold-lane">{t("lane.hold.which")}</Typography.Text>
        <Input
          aria-labelledby="hold-lane"
          maxLength={LANE_MAX}
          onChange={(event) => {
            lane.current = event.target.value.trim();
          }}
        />
      </Flex>
    );
    const reason = await ask({ title: t("lane.hold").replace("…", ""), fields, confirm: t("lane.hold").replace("…", "") });
    if (reason === undefined) return;
    await deeds.act(
      () => post<Done>("/lanes/hold", { destination, lane: lane.current, reason }),
      () => t("lane.hold.done"),
    );
  };
  return (
    <NotNow why={may ? undefined : r("no.right.gate")} onClick={() => void hold()}>
      {t("lane.hold")}
    </NotNow>
  );
}
