/** Partners → the engine → destinations: what flows, what waits, what is broken. Lists to a screen reader, a map to the eye. */
import {
  CheckCircleFilled,
  ClockCircleFilled,
  CloseCircleFilled,
  ExclamationCircleFilled,
  PauseCircleFilled,
  QuestionCircleFilled,
} from "@ant-design/icons";
import { Card, Flex, Tag, Tooltip, Typography, theme } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { LiveStatus } from "../../../../domain/live/views.ts";
import { AgeSince } from "../../parts/moment.tsx";
import { inLanguage } from "../../texts/index.ts";
import { type DestinationNode, needsLook, type Sender, type Standing, tells } from "./model.ts";
import "./texts.ts";

const LOOK: Readonly<Record<Standing, { readonly color: string; readonly icon: ReactNode }>> = {
  down: { color: "error", icon: <CloseCircleFilled aria-hidden /> },
  half: { color: "warning", icon: <ExclamationCircleFilled aria-hidden /> },
  late: { color: "warning", icon: <ClockCircleFilled aria-hidden /> },
  parked: { color: "warning", icon: <ExclamationCircleFilled aria-hidden /> },
  paused: { color: "default", icon: <PauseCircleFilled aria-hidden /> },
  unknown: { color: "default", icon: <QuestionCircleFilled aria-hidden /> },
  ok: { color: "success", icon: <CheckCircleFilled aria-hidden /> },
};
const ROW = { minHeight: 58, padding: "6px 10px" } as const;

/** The line between a partner and the engine: thick where something flows, broken where nothing gets through. */
function Wire({ flowing, broken }: { readonly flowing: boolean; readonly broken: boolean }) {
  const { token } = theme.useToken();
  const color = broken ? token.colorError : flowing ? token.colorPrimary : token.colorBorder;
  return (
    <svg aria-hidden="true" viewBox="0 0 48 12" preserveAspectRatio="none" style={{ width: "100%", height: 12, display: "block" }}>
      <line x1="0" y1="6" x2="40" y2="6" stroke={color} strokeWidth={flowing ? 3 : 1.5} strokeDasharray={broken ? "5 5" : "none"} />
      {broken ? <path d="M20 1 L28 11 M28 1 L20 11" stroke={color} strokeWidth="2" /> : <path d="M40 1 L48 6 L40 11 Z" fill={color} />}
    </svg>
  );
}

function Recent({ n, minutes }: { readonly n: number; readonly minutes: number }) {
  const { t } = useTranslation("now");
  return (
    <Typography.Text type="secondary">
      {n === 0 ? t("map.quiet", { m: minutes }) : t("map.recent", { n: n.toLocaleString(), m: minutes })}
    </Typography.Text>
  );
}

function SenderCard({ sender, minutes }: { readonly sender: Sender; readonly minutes: number }) {
  const { t } = useTranslation("now");
  return (
    <Card size="small" styles={{ body: ROW }}>
      <Flex justify="space-between" gap="small" wrap>
        <Link to={senderTo(sender.partner)}>{inLanguage(sender.name)}</Link>
        {sender.parked > 0 && (
          <Link to={`/failures?of=messages&partner=${encodeURIComponent(sender.partner)}`}>
            <Tag color="warning" icon={<ExclamationCircleFilled aria-hidden />}>
              {t("map.parked", { n: sender.parked })}
            </Tag>
          </Link>
        )}
      </Flex>
      <Recent n={sender.recent.accepted} minutes={minutes} />
    </Card>
  );
}

function DestinationCard({ node, minutes }: { readonly node: DestinationNode; readonly minutes: number }) {
  const { t } = useTranslation("now");
  const { view, waiting, standing } = node;
  const failure = view.lastFailure;
  const why =
    failure === undefined
      ? undefined
      : inLanguage({ zh: failure.whyZh ?? failure.why ?? failure.outcome, en: failure.why ?? failure.outcome });
  return (
    <Card size="small" styles={{ body: ROW }} data-destination={node.destination} data-standing={standing}>
      <Flex justify="space-between" gap="small">
        <Link to={destinationTo(node.destination)}>{inLanguage(node.name)}</Link>
        <Tag color={LOOK[standing].color} icon={LOOK[standing].icon} style={{ marginInlineEnd: 0 }}>
          {t(`state.${standing}`)}
        </Tag>
      </Flex>
      <Flex gap="small" wrap>
        <Recent n={node.recent.acknowledged} minutes={minutes} />
        {waiting > 0 && <span>{t("map.waiting", { n: waiting.toLocaleString() })}</span>}
        {view.backlog.parked > 0 && (
          <Link to={`/failures?of=write-backs&partner=${encodeURIComponent(node.destination)}`}>
            {t("map.parked", { n: view.backlog.parked })}
          </Link>
        )}
        {view.oldestOwedAt !== undefined && (
          <span>
            {t("map.age")} <AgeSince at={view.oldestOwedAt} />
          </span>
        )}
        {view.gate?.ratePerSecond !== undefined && <span>{t("map.rate", { n: view.gate.ratePerSecond })}</span>}
      </Flex>
      {why !== undefined && failure !== undefined && (
        <Tooltip title={why}>
          <Typography.Text ellipsis style={{ display: "block" }}>
            {t("map.lastError")}
            {inLanguage({ zh: "：", en: ": " })}
            <Link to={`/write-backs/${failure.writeBackId}`}>{why}</Link>
          </Typography.Text>
        </Tooltip>
      )}
    </Card>
  );
}

export interface PartnerMapProps {
  readonly senders: readonly Sender[];
  readonly destinations: readonly DestinationNode[];
  readonly minutes: number;
  readonly status: LiveStatus | undefined;
}

const LIST = { listStyle: "none", padding: 0, margin: 0, display: "grid", gap: 6, alignContent: "start" } as const;

/** Those that have nothing to tell, in one line: what matters stays on the first screen. */
function Quiet({
  minutes,
  links,
}: {
  readonly minutes: number;
  readonly links: readonly { readonly to: string; readonly name: string }[];
}) {
  const { t } = useTranslation("now");
  if (links.length === 0) return null;
  return (
    <li style={{ padding: "4px 12px" }}>
      <details>
        <summary>{t("map.still", { n: links.length, m: minutes })}</summary>
        {links.map(({ to, name }, index) => (
          <span key={to}>
            {index > 0 && inLanguage({ zh: "、", en: ", " })}
            <Link to={to}>{name}</Link>
          </span>
        ))}
      </details>
    </li>
  );
}

const senderTo = (partner: string): string => `/search?partner=${encodeURIComponent(partner)}`;
const destinationTo = (name: string): string => `/destinations/${encodeURIComponent(name)}`;

export function PartnerMap({ senders, destinations, minutes, status }: PartnerMapProps) {
  const { t } = useTranslation("now");
  const { token } = theme.useToken();
  const [loud, still] = [senders.filter(tells), senders.filter((one) => !tells(one))];
  const [busy, idle] = [destinations.filter(needsLook), destinations.filter((one) => !needsLook(one))];
  return (
    <Card size="small" title={<h2 style={{ fontSize: 16, margin: 0 }}>{t("map.title")}</h2>}>
      <div
        style={{ display: "grid", gridTemplateColumns: "minmax(220px, 3fr) minmax(120px, 1fr) minmax(320px, 5fr)", alignItems: "stretch" }}
      >
        <ul aria-label={t("map.senders")} style={LIST}>
          {loud.map((sender) => (
            <li key={sender.partner} style={{ display: "grid", gridTemplateColumns: "1fr 48px", alignItems: "center" }}>
              <SenderCard sender={sender} minutes={minutes} />
              <Wire flowing={sender.recent.accepted > 0} broken={false} />
            </li>
          ))}
          <Quiet minutes={minutes} links={still.map(({ partner, name }) => ({ to: senderTo(partner), name: inLanguage(name) }))} />
        </ul>
        <Flex
          vertical
          align="center"
          gap={4}
          style={{
            border: `1px solid ${token.colorBorder}`,
            borderRadius: token.borderRadiusLG,
            background: token.colorFillQuaternary,
            padding: "16px 8px",
            textAlign: "center",
          }}
        >
          <strong>{t("map.engine")}</strong>
          {status?.messages !== undefined && <span>{t("map.received", { n: status.messages.received.toLocaleString() })}</span>}
          {status?.outbox !== undefined && status.outbox > 0 && <span>{t("map.outbox", { n: status.outbox.toLocaleString() })}</span>}
        </Flex>
        <ul aria-label={t("map.destinations")} style={LIST}>
          {busy.map((node) => (
            <li key={node.destination} style={{ display: "grid", gridTemplateColumns: "48px minmax(0, 1fr)", alignItems: "center" }}>
              <Wire flowing={node.recent.acknowledged > 0} broken={node.standing === "down" || node.standing === "paused"} />
              <DestinationCard node={node} minutes={minutes} />
            </li>
          ))}
          <Quiet
            minutes={minutes}
            links={idle.map(({ destination, name }) => ({ to: destinationTo(destination), name: inLanguage(name) }))}
          />
        </ul>
      </div>
    </Card>
  );
}
