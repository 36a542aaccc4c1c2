/** A destination's gate: how it stands, and what a person does with it. */
import { Alert, Flex, InputNumber, Space, Tag, Typography } from "antd";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import type { DestinationView, Done } from "../../../../domain/operations/views.ts";
import { post } from "../../api/client.ts";
import { useMay } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import type { Deeds } from "../../parts/deed.tsx";
import { yuanText } from "../../parts/fen.ts";
import { Moment } from "../../parts/moment.tsx";
import { NotNow } from "../../parts/not-now.tsx";
import { StateTag } from "../../parts/state-tag.tsx";
import { colon } from "../../texts/colon.ts";
import { countsOf, gateWord } from "./words.ts";
import "../replays/texts.ts";
import "./texts.ts";

const DRAIN_DEFAULT = 30;
const DRAIN_MAX = 10_080;

export function GateTags({ view }: { readonly view: DestinationView }) {
  const { t } = useTranslation("destinations");
  const { gate } = view;
  const word = gateWord(view);
  return (
    <Space size={[4, 4]} wrap>
      {view.paused && <StateTag kind="breaker" state="paused" />}
      {gate !== undefined && (word === "closed" || gate.breaker !== "closed") && <StateTag kind="breaker" state={gate.breaker} />}
      {gate?.quietUntil !== undefined && (
        <Tag>
          {t("gate.quiet")} <Moment at={gate.quietUntil} />
        </Tag>
      )}
      {gate?.drainUntil !== undefined && (
        <Tag color="processing">
          {t("gate.drainUntil")} <Moment at={gate.drainUntil} />
        </Tag>
      )}
      {gate?.drainingSince !== undefined && <Tag color="processing">{t("gate.draining", { s: gate.drainEtaSeconds ?? "…" })}</Tag>}
    </Space>
  );
}

/** Why nothing goes out, and what that means. */
export function GateTold({ view }: { readonly view: DestinationView }) {
  const { t } = useTranslation("destinations");
  const { gate } = view;
  if (view.paused && gate?.drainUntil !== undefined) return <Alert type="info" showIcon title={t("gate.drain.told")} />;
  if (view.paused) return <Alert type="warning" showIcon title={t("gate.paused.told")} />;
  if (gate?.breaker !== "open" && gate?.breaker !== "half-open") return null;
  return (
    <Alert
      type="error"
      showIcon
      title={t("gate.open.told")}
      description={
        <Flex gap="middle" wrap>
          {gate.why !== undefined && (
            <span>
              {t("gate.why")}
              {colon()}
              {gate.why}
            </span>
          )}
          <span>
            {t("gate.since")} <Moment at={gate.since} />
          </span>
          {gate.nextProbeAt !== undefined && (
            <span>
              {t("gate.nextProbe")} <Moment at={gate.nextProbeAt} />
            </span>
          )}
          <span>{t("gate.probes", { n: gate.probes })}</span>
          <span>{t("gate.failures", { n: gate.failuresInARow })}</span>
        </Flex>
      }
    />
  );
}

export function GateDeeds({
  view,
  deeds,
  small = false,
}: {
  readonly view: DestinationView;
  readonly deeds: Deeds;
  readonly small?: boolean;
}) {
  const { t } = useTranslation("destinations");
  const { t: r } = useTranslation("replays");
  const ask = useAskReason();
  const may = useMay("gate");
  const minutes = useRef(DRAIN_DEFAULT);
  const name = view.destination;
  const { n, parked, wire, fen } = countsOf(view);
  const values = { name, n, parked, wire, money: yuanText(fen) ?? fen };

  const give = async (what: "pause" | "resume" | "drain"): Promise<void> => {
    minutes.current = DRAIN_DEFAULT;
    const fields = (
      <Flex vertical gap="small" style={{ marginBottom: 12 }}>
        <Alert type={what === "pause" ? "warning" : "info"} showIcon title={t(`${what}.told`, values)} />
        {what === "drain" && (
          <Flex gap="small" align="center">
            <Typography.Text id="drain-minutes">{t("drain.minutes")}</Typography.Text>
            <InputNumber<number>
              aria-labelledby="drain-minutes"
              min={1}
              max={DRAIN_MAX}
              defaultValue={DRAIN_DEFAULT}
              onChange={(value) => {
                minutes.current = value ?? DRAIN_DEFAULT;
              }}
            />
          </Flex>
        )}
      </Flex>
    );
    const reason = await ask({ title: t(`${what}.title`, values), fields, danger: what === "pause", confirm: t(what).replace("…", "") });
    if (reason === undefined) return;
    const body = what === "drain" ? { reason, minutes: minutes.current } : { reason };
    await deeds.act(
      () => post<Done>(`/destinations/${name}/${what}`, body),
      () => t(`${what}.done`),
    );
  };
  const no = may ? undefined : r("no.right.gate");
  const stopped = view.paused || view.gate?.quietUntil !== undefined;
  const size = small ? "small" : "middle";
  return (
    <Flex gap={small ? 4 : 8} wrap>
      {view.paused ? (
        <NotNow size={size} type="primary" why={no} loading={deeds.busy} onClick={() => void give("resume")}>
          {t("resume")}
        </NotNow>
      ) : (
        <NotNow size={size} danger why={no} loading={deeds.busy} onClick={() => void give("pause")}>
          {t("pause")}
        </NotNow>
      )}
      <NotNow size={size} why={no ?? (stopped ? undefined : t("drain.needless"))} onClick={() => void give("drain")}>
        {t("drain")}
      </NotNow>
    </Flex>
  );
}
