/** The visual trace: a column for each party, a row for each hop, an arrow from whom to whom; a hop opens to its facts and payloads. */
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Empty, Flex, Skeleton, Space, theme, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Hop, Payload, Trace } from "../../../../domain/operations/views-inspect.ts";
import { get } from "../../api/client.ts";
import { Moment } from "../../parts/moment.tsx";
import { Fen } from "../../parts/money.tsx";
import { Problem } from "../../parts/problem.tsx";
import { inLanguage } from "../../texts/index.ts";
import { Facts } from "./facts.tsx";
import { PayloadView } from "./payload-view.tsx";
import { keyOf, labelOf, type Shown } from "./payloads.ts";
import "./texts.ts";

const TIME_WIDTH = 116;
const PARTY_WIDTH = 118;

export const useTrace = (id: string) =>
  useQuery({ queryKey: [`/messages/${id}`, "trace"], queryFn: () => get<Trace>(`/messages/${id}/trace`), refetchInterval: 5_000 });

export interface TraceViewProps {
  readonly shown: Shown;
  readonly query: ReturnType<typeof useTrace>;
  readonly compare: (left: Payload, right: Payload) => void;
}

export function TraceView({ shown, query, compare }: TraceViewProps) {
  const { t } = useTranslation("message");
  const { token } = theme.useToken();
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const trace = query.data;
  if (query.error !== null && trace === undefined) return <Problem error={query.error} />;
  if (trace === undefined) return <Skeleton active />;
  if (trace.hops.length === 0) return <Empty />;
  const toggle = (n: number): void => {
    const next = new Set(open);
    if (!next.delete(n)) next.add(n);
    setOpen(next);
  };
  const columns = `${TIME_WIDTH}px repeat(${trace.parties.length}, minmax(${PARTY_WIDTH}px, 1fr))`;
  const width = TIME_WIDTH + trace.parties.length * PARTY_WIDTH;
  return (
    <>
      {trace.replays.length > 0 && (
        <Space wrap style={{ marginBottom: 8 }}>
          {t("trace.replays")}
          {[...new Set(trace.replays.map(({ job }) => job))].map((job) => (
            <Link key={job} to={`/replays/${job}`}>
              {job.slice(0, 8)}
            </Link>
          ))}
        </Space>
      )}
      <section
        aria-label={t("trace.label")}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        tabIndex={0}
        style={{ overflow: "auto", border: `1px solid ${token.colorBorderSecondary}`, borderRadius: token.borderRadius }}
      >
        <div style={{ minWidth: width }}>
          <div
            style={{
              display: "grid",
              gridTemplateColumns: columns,
              position: "sticky",
              top: 0,
              zIndex: 1,
              background: token.colorBgElevated,
              borderBottom: `1px solid ${token.colorBorderSecondary}`,
            }}
          >
            <span />
            {trace.parties.map((party) => (
              <div key={party.id} style={{ textAlign: "center", padding: 6, overflowWrap: "anywhere" }}>
                <Typography.Text type="secondary" style={{ fontSize: 12 }}>
                  {t(`party.${party.kind}`)}
                </Typography.Text>
                <br />
                <Typography.Text strong>{party.name}</Typography.Text>
              </div>
            ))}
          </div>
          <ol style={{ listStyle: "none", margin: 0, padding: 0 }}>
            {trace.hops.map((hop, index) => (
              <li key={hop.n} style={{ borderBottom: `1px solid ${token.colorBorderSecondary}` }}>
                <HopRow hop={hop} trace={trace} columns={columns} open={open.has(hop.n)} toggle={() => toggle(hop.n)} />
                {open.has(hop.n) && <HopDetail hop={hop} before={beforeOf(trace, index)} shown={shown} compare={compare} />}
              </li>
            ))}
          </ol>
        </div>
      </section>
      {trace.cut && <Alert type="info" showIcon title={t("trace.cut", { n: trace.hops.length })} style={{ marginTop: 8 }} />}
    </>
  );
}

/** The last payload of an earlier hop that this one does not carry itself. */
function beforeOf(trace: Trace, index: number): Payload | undefined {
  const own = new Set(trace.hops[index]?.payloads.map(keyOf));
  const earlier = trace.hops.slice(0, index).flatMap((hop) => hop.payloads);
  return earlier.findLast((one) => !own.has(keyOf(one)));
}

interface HopRowProps {
  readonly hop: Hop;
  readonly trace: Trace;
  readonly columns: string;
  readonly open: boolean;
  readonly toggle: () => void;
}

function HopRow({ hop, trace, columns, open, toggle }: HopRowProps) {
  const { t } = useTranslation("message");
  const { token } = theme.useToken();
  const place = (id: string): number => trace.parties.findIndex((party) => party.id === id);
  const [from, to] = [place(hop.from), place(hop.to)];
  const [left, right] = [Math.min(from, to), Math.max(from, to)];
  const color = { good: token.colorSuccess, bad: token.colorError, open: token.colorWarning, info: token.colorTextTertiary }[hop.state];
  const sign = { good: "✓", bad: "✗", open: "…", info: "" }[hop.state];
  const span = right - left + 1;
  const names = `${t(`party.${trace.parties[from]?.kind ?? "door"}`)} ${trace.parties[from]?.name ?? ""} → ${trace.parties[to]?.name ?? ""}`;
  return (
    <button
      type="button"
      aria-expanded={open}
      onClick={toggle}
      style={{
        display: "grid",
        gridTemplateColumns: columns,
        width: "100%",
        border: 0,
        padding: "4px 0",
        background: open ? token.controlItemBgActive : "transparent",
        color: token.colorText,
        cursor: "pointer",
        font: "inherit",
        alignItems: "end",
        textAlign: "left",
      }}
    >
      <span style={{ paddingLeft: 8, fontSize: 12, alignSelf: "center", fontVariantNumeric: "tabular-nums" }}>
        {hop.at?.slice(11, 23)}
        {hop.ms !== undefined && <span style={{ color: token.colorTextSecondary }}> +{hop.ms} ms</span>}
      </span>
      <span style={{ gridColumn: `${left + 2} / span ${span}`, margin: span === 1 ? 0 : `0 calc(50% / ${span})`, minWidth: 0 }}>
        <span
          style={{
            display: "block",
            textAlign: "center",
            fontSize: 12,
            overflow: "hidden",
            textOverflow: "ellipsis",
            whiteSpace: "nowrap",
          }}
          title={names}
        >
          <span style={{ fontWeight: hop.state === "bad" ? token.fontWeightStrong : "normal" }}>
            {sign === "" ? "" : `${sign} `}
            {t(`hop.${hop.kind}`)}
          </span>{" "}
          <HopWords hop={hop} />
          <span style={{ position: "absolute", width: 1, height: 1, overflow: "hidden", clipPath: "inset(50%)" }}>
            {names} {t(`hop.${hop.state}`)}
          </span>
        </span>
        {span > 1 && <Arrow color={color} back={to < from} />}
      </span>
    </button>
  );
}

function Arrow({ color, back }: { readonly color: string; readonly back: boolean }) {
  const head = <span style={{ color, fontSize: 11, lineHeight: "10px" }}>{back ? "◀" : "▶"}</span>;
  return (
    <span aria-hidden style={{ display: "flex", alignItems: "center", height: 10 }}>
      {back && head}
      <span style={{ flex: 1, borderTop: `2px solid ${color}` }} />
      {!back && head}
    </span>
  );
}

/** What a hop is about, in a few words. */
function HopWords({ hop }: { readonly hop: Hop }) {
  const { t } = useTranslation("message");
  const words =
    hop.what === undefined
      ? ""
      : hop.kind === "attempt" || hop.kind === "inquiry"
        ? t(`outcome.${hop.what}`, { defaultValue: hop.what })
        : hop.kind === "answered"
          ? t(`leg.sender.${hop.what}`, { defaultValue: hop.what })
          : hop.kind === "parked"
            ? (hop.why?.code ?? hop.what)
            : hop.kind === "closed"
              ? t(`parts:write-back.${hop.what}`, { defaultValue: hop.what })
              : hop.kind === "translated"
                ? (hop.facts.mapping ?? hop.what)
                : hop.what;
  return (
    <>
      {words}
      {hop.kind === "owed" && hop.facts.amount !== undefined && (
        <>
          {" "}
          <Fen value={hop.facts.amount} />
        </>
      )}
      {hop.kind === "attempt" && hop.facts.attempt !== undefined && ` #${hop.facts.attempt}`}
    </>
  );
}

interface HopDetailProps {
  readonly hop: Hop;
  readonly before: Payload | undefined;
  readonly shown: Shown;
  readonly compare: (left: Payload, right: Payload) => void;
}

function HopDetail({ hop, before, shown, compare }: HopDetailProps) {
  const { t } = useTranslation("message");
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const value = (text: string): string => t(`value.${text}`, { defaultValue: text });
  const items = Object.entries(hop.facts).map(([name, text]) => ({ key: name, label: t(`fact.${name}`), children: value(text) }));
  const [first] = hop.payloads;
  return (
    <div style={{ padding: "4px 12px 12px" }}>
      {hop.why !== undefined && (
        <Alert
          type={hop.state === "bad" ? "error" : "info"}
          title={
            <>
              {inLanguage(hop.why)} {hop.why.code !== undefined && <Typography.Text code>{hop.why.code}</Typography.Text>}
            </>
          }
          style={{ marginBottom: 8 }}
        />
      )}
      <Facts items={[{ key: "at", label: t("record.when"), children: <Moment at={hop.at} exact /> }, ...items]} />
      <Space wrap style={{ margin: "4px 0 8px" }}>
        {hop.payloads.map((one) => (
          <Button
            key={keyOf(one)}
            size="small"
            aria-expanded={open.has(keyOf(one))}
            onClick={() => {
              const next = new Set(open);
              if (!next.delete(keyOf(one))) next.add(keyOf(one));
              setOpen(next);
            }}
          >
            {open.has(keyOf(one)) ? t("payload.hide") : t("payload.show")} · {labelOf(t, shown.detail, one)}
          </Button>
        ))}
        {first !== undefined && before !== undefined && (
          <Button size="small" onClick={() => compare(before, first)}>
            {t("payload.compare")}
          </Button>
        )}
        {hop.writeBackId !== undefined && <Link to={`/write-backs/${hop.writeBackId}`}>{t("title.write-back")}</Link>}
        {hop.messageId !== undefined && <Link to={`/messages/${hop.messageId}`}>{t("title")}</Link>}
      </Space>
      <Flex vertical gap="small">
        {hop.payloads
          .filter((one) => open.has(keyOf(one)))
          .map((one) => (
            <PayloadView key={keyOf(one)} shown={shown} payload={one} />
          ))}
      </Flex>
    </div>
  );
}
