/** What is wrong, who is affected, what to do: before anything else. */
import { Alert, Card, Flex, Typography, theme } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { LiveStatus } from "../../../../domain/live/views.ts";
import type { AlarmView } from "../../../../domain/operations/views-alarms.ts";
import type { DestinationView } from "../../../../domain/operations/views.ts";
import { AgeSince } from "../../parts/moment.tsx";
import { Fen } from "../../parts/money.tsx";
import { StateTag } from "../../parts/state-tag.tsx";
import { inLanguage } from "../../texts/index.ts";
import { AlarmDeeds } from "../alarms/deeds.tsx";
import { AlarmNumbers } from "../alarms/details.tsx";
import { AlarmStep } from "../alarms/step.tsx";
import { affectedBy, type Standing, standingOf, waitingOf, worstFirst } from "./model.ts";
import "./texts.ts";

/** Alarms that fit above everything else; the page of alarms has all. */
const SHOWN = 6;
/** Of a destination the page itself says how old the oldest is: at this moment, where the alarm says it of its last look. */
const BESIDE = ["oldestSeconds"];
const TROUBLE: ReadonlySet<Standing> = new Set(["down", "half", "late"]);

function Affected({ view }: { readonly view: DestinationView }) {
  const { t } = useTranslation("now");
  return (
    <span>
      {t("wrong.affected", { n: (waitingOf(view) + view.backlog.parked).toLocaleString() })} <Fen value={view.fen} />
      {view.oldestOwedAt !== undefined && (
        <>
          {" · "}
          {t("wrong.oldest")} <AgeSince at={view.oldestOwedAt} />
        </>
      )}
    </span>
  );
}

function One({ alarm, destinations }: { readonly alarm: AlarmView; readonly destinations: readonly DestinationView[] }) {
  const { t } = useTranslation("now");
  const { t: alarms } = useTranslation("alarms");
  const { token } = theme.useToken();
  const affected = affectedBy(alarm, destinations);
  const edge = alarm.severity === "page" ? token.colorError : token.colorWarning;
  return (
    <li>
      <Card size="small" style={{ borderInlineStart: `4px solid ${edge}` }}>
        <Flex gap="middle" justify="space-between" wrap>
          <Flex vertical gap={4} style={{ flex: "1 1 460px", minWidth: 0 }}>
            <Typography.Title level={3} style={{ fontSize: token.fontSizeLG, margin: 0 }}>
              <StateTag kind="alarm" state={alarm.severity} /> {inLanguage(alarm.text)}
              {" · "}
              {alarm.subject}
              {" · "}
              <AgeSince at={alarm.startedAt} />
            </Typography.Title>
            <Flex gap="small" wrap align="center">
              {affected !== undefined && (
                <span>
                  {t("wrong.affects")}
                  {inLanguage({ zh: "：", en: ": " })}
                  <Affected view={affected} />
                </span>
              )}
              <AlarmNumbers alarm={alarm} without={affected === undefined ? [] : BESIDE} />
            </Flex>
            <AlarmStep alarm={alarm} />
          </Flex>
          <Flex vertical gap={4} style={{ flex: "0 1 320px" }}>
            <span>
              {alarms("owner")}
              {inLanguage({ zh: "：", en: ": " })}
              <strong>{alarm.owner ?? alarms("owner.none")}</strong>
            </span>
            {alarm.note !== undefined && <Typography.Text type="secondary">{alarm.note}</Typography.Text>}
            <AlarmDeeds alarm={alarm} />
          </Flex>
        </Flex>
      </Card>
    </li>
  );
}

/** Servers that are away: the engine says so itself, before any alarm holds long enough. */
function Away({ services }: { readonly services: LiveStatus["services"] | undefined }) {
  const { t } = useTranslation("now");
  const down = Object.entries(services ?? {}).filter(([, { up }]) => !up);
  return down.map(([name, { why }]) => (
    <Alert
      key={name}
      type="error"
      showIcon
      role="alert"
      title={t("services.down", { name: t(`services.${name}`) })}
      description={`${t(`services.${name}.next`)}${why === undefined ? "" : ` (${why})`}`}
    />
  ));
}

/** No alarm yet: alarms wait until a condition has held for a while, the page does not. */
function Calm({ destinations, waiting }: { readonly destinations: readonly DestinationView[]; readonly waiting: number }) {
  const { t } = useTranslation("now");
  const troubled = destinations
    .map((view) => ({ name: view.destination, standing: standingOf(view) }))
    .filter(({ standing }) => TROUBLE.has(standing));
  const under = t("fine.waiting", { n: waiting.toLocaleString() });
  if (troubled.length === 0) return <Alert type="success" showIcon title={`${t("fine.title")} · ${under}`} />;
  return (
    <Alert
      type="warning"
      showIcon
      title={
        <>
          {t("fine.but")}
          {inLanguage({ zh: "：", en: ": " })}
          {troubled.map(({ name, standing }) => (
            <Link key={name} to={`/destinations/${encodeURIComponent(name)}`} style={{ marginInlineEnd: 12 }}>
              {name} {t(`state.${standing}`)}
            </Link>
          ))}
          {under}
        </>
      }
    />
  );
}

export interface WrongProps {
  readonly alarms: readonly AlarmView[];
  readonly destinations: readonly DestinationView[];
  readonly services: LiveStatus["services"] | undefined;
  readonly waiting: number;
}

export function Wrong({ alarms, destinations, services, waiting }: WrongProps) {
  const { t } = useTranslation("now");
  const sorted = worstFirst(alarms);
  const away = Object.values(services ?? {}).some(({ up }) => !up);
  return (
    <section aria-label={t("wrong.title", { n: alarms.length })}>
      <Flex vertical gap="small">
        <Away services={services} />
        {alarms.length === 0 && !away && <Calm destinations={destinations} waiting={waiting} />}
        {alarms.length > 0 && (
          <>
            <Typography.Title level={2} style={{ fontSize: 16, margin: 0 }}>
              {t("wrong.title", { n: alarms.length })}
            </Typography.Title>
            <ul style={{ listStyle: "none", padding: 0, margin: 0, display: "grid", gap: 8 }}>
              {sorted.slice(0, SHOWN).map((alarm) => (
                <One key={alarm.id} alarm={alarm} destinations={destinations} />
              ))}
            </ul>
            {sorted.length > SHOWN && <Link to="/alarms">{t("wrong.more", { n: sorted.length - SHOWN })}</Link>}
          </>
        )}
      </Flex>
    </section>
  );
}
