/** Destinations: what goes out, what does not and why; and the lanes that wait for a person. */
import { useQuery } from "@tanstack/react-query";
import { Table, Tabs, Tooltip, Typography } from "antd";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import type { DestinationView } from "../../../../domain/operations/views.ts";
import { get } from "../../api/client.ts";
import { useLive } from "../../live/use-live.ts";
import { DeedResult, type Deeds, useDeeds } from "../../parts/deed.tsx";
import { Age } from "../../parts/moment.tsx";
import { Fen } from "../../parts/money.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { inLanguage } from "../../texts/index.ts";
import { GateDeeds, GateTags } from "./gate.tsx";
import { Lanes } from "./lanes.tsx";
import { countsOf } from "./words.ts";
import "./texts.ts";

const REFRESH_MS = 5_000;

export const useDestinations = () =>
  useQuery({
    queryKey: ["/destinations"],
    queryFn: () => get<{ readonly items: readonly DestinationView[] }>("/destinations"),
    refetchInterval: REFRESH_MS,
  });

export default function Page() {
  const { t } = useTranslation("destinations");
  const [address, setAddress] = useSearchParams();
  useLive(["destinations", "status"]);
  const tab = address.get("tab") === "lanes" ? "lanes" : "destinations";
  return (
    <>
      <PageHead title={t("title")} />
      <Tabs
        activeKey={tab}
        onChange={(key) => setAddress(key === "lanes" ? { tab: "lanes" } : {})}
        destroyOnHidden
        items={[
          { key: "destinations", label: t("tab.destinations"), children: <Destinations /> },
          { key: "lanes", label: t("tab.lanes"), children: <Lanes destination={address.get("destination") ?? undefined} /> },
        ]}
      />
    </>
  );
}

function Destinations() {
  const { t } = useTranslation("destinations");
  const deeds = useDeeds(["/destinations", "/lanes", "/status"]);
  const query = useDestinations();
  return (
    <>
      <DeedResult deeds={deeds} />
      <Problem error={query.error} />
      <Table<DestinationView>
        rowKey="destination"
        size="small"
        pagination={false}
        loading={query.isPending}
        dataSource={[...(query.data?.items ?? [])]}
        locale={{ emptyText: t("empty") }}
        tableLayout="fixed"
        columns={columnsOf(t, deeds)}
      />
    </>
  );
}

/** What holds calls back: the rate found out, or the profile's ceiling. */
export function RateText({ view }: { readonly view: DestinationView }) {
  const { t } = useTranslation("destinations");
  const { ratePerSecond, ceilingPerSecond } = view.gate ?? {};
  const rounded = ratePerSecond === undefined ? undefined : Math.round(ratePerSecond * 10) / 10;
  if (rounded === undefined) return <>{t("rate.none")}</>;
  return (
    <>{ceilingPerSecond === undefined ? t("rate.only", { rate: rounded }) : t("rate.of", { rate: rounded, ceiling: ceilingPerSecond })}</>
  );
}

const columnsOf = (t: TFunction<"destinations">, deeds: Deeds) => [
  {
    title: t("col.name"),
    width: 115,
    render: (_: unknown, { destination, known }: DestinationView) => (
      <>
        <Link to={`/destinations/${destination}`}>{destination}</Link>
        {!known && (
          <div>
            <Typography.Text type="danger">{t("unknown")}</Typography.Text>
          </div>
        )}
      </>
    ),
  },
  { title: t("col.gate"), width: 150, render: (_: unknown, view: DestinationView) => <GateTags view={view} /> },
  {
    title: t("col.backlog"),
    width: 165,
    render: (_: unknown, view: DestinationView) => {
      const { n, parked } = countsOf(view);
      return (
        <Tooltip
          title={Object.entries(view.backlog).map(([state, count]) => (
            <div key={state}>{`${t(`backlog.${state}` as "backlog.held")} ${count}`}</div>
          ))}
        >
          <Link to={`/destinations/${view.destination}`}>{t("backlog.short", { n, parked })}</Link>
        </Tooltip>
      );
    },
  },
  { title: t("col.money"), width: 105, align: "right" as const, render: (_: unknown, { fen }: DestinationView) => <Fen value={fen} /> },
  {
    title: t("col.oldest"),
    width: 75,
    render: (_: unknown, { oldestAgeSeconds }: DestinationView) => (
      <Age ms={oldestAgeSeconds === undefined ? undefined : oldestAgeSeconds * 1_000} />
    ),
  },
  { title: t("col.rate"), width: 90, render: (_: unknown, view: DestinationView) => <RateText view={view} /> },
  { title: t("col.wire"), dataIndex: "onWire", width: 60, align: "right" as const },
  {
    title: t("col.failure"),
    ellipsis: true,
    render: (_: unknown, { lastFailure }: DestinationView) => {
      if (lastFailure === undefined) return null;
      const why = lastFailure.why === undefined ? "" : inLanguage({ zh: lastFailure.whyZh ?? lastFailure.why, en: lastFailure.why });
      return (
        <Tooltip title={why}>
          <Link to={`/write-backs/${lastFailure.writeBackId}`}>
            {lastFailure.code ?? lastFailure.outcome} {why}
          </Link>
        </Tooltip>
      );
    },
  },
  { title: t("col.do"), width: 185, render: (_: unknown, view: DestinationView) => <GateDeeds view={view} deeds={deeds} small /> },
];
