/** One destination: how it stands, its lanes, how it answered lately, its profile and what became of it. */
import { Card, Flex, Skeleton, Tabs } from "antd";
import { useTranslation } from "react-i18next";
import { Link, useParams, useSearchParams } from "react-router";
import type { DestinationView } from "../../../../domain/operations/views.ts";
import { useLive } from "../../live/use-live.ts";
import { DeedResult, useDeeds } from "../../parts/deed.tsx";
import { Figures } from "../../parts/figures.tsx";
import { Age } from "../../parts/moment.tsx";
import { Fen } from "../../parts/money.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { GateDeeds, GateTags, GateTold } from "./gate.tsx";
import { History } from "./history.tsx";
import { Lanes } from "./lanes.tsx";
import { Outcomes } from "./outcomes.tsx";
import { RateText, useDestinations } from "./page.tsx";
import { ProfileEditor } from "./profile.tsx";
import "./texts.ts";

const TABS = ["now", "lanes", "outcomes", "profile", "history"] as const;
const BACKLOG = ["waiting", "queued", "sending", "deferred", "parked", "held"] as const;

export default function Page() {
  const { id = "" } = useParams();
  const { t } = useTranslation("destinations");
  const [address, setAddress] = useSearchParams();
  useLive(["destinations", "status", "failures"]);
  const deeds = useDeeds(["/destinations", "/lanes", "/status"]);
  const query = useDestinations();
  const view = query.data?.items.find((one) => one.destination === id);
  const tab = TABS.find((one) => one === address.get("tab")) ?? "now";
  return (
    <>
      <PageHead
        title={id}
        extra={
          <>
            <Link to="/destinations">{t("back")}</Link>
            {view !== undefined && (
              <>
                <GateTags view={view} />
                <GateDeeds view={view} deeds={deeds} />
              </>
            )}
          </>
        }
      />
      <DeedResult deeds={deeds} />
      <Problem error={query.error} />
      <Tabs
        activeKey={tab}
        onChange={(key) => setAddress(key === "now" ? {} : { tab: key })}
        destroyOnHidden
        items={[
          { key: "now", label: t("tab.now"), children: view === undefined ? <Skeleton active /> : <Now view={view} /> },
          { key: "lanes", label: t("tab.lanes"), children: <Lanes destination={id} /> },
          { key: "outcomes", label: t("tab.outcomes"), children: <Outcomes destination={id} /> },
          { key: "profile", label: t("tab.profile"), children: <ProfileEditor destination={id} /> },
          { key: "history", label: t("tab.history"), children: <History destination={id} /> },
        ]}
      />
    </>
  );
}

function Now({ view }: { readonly view: DestinationView }) {
  const { t } = useTranslation("destinations");
  return (
    <Flex vertical gap="small">
      <GateTold view={view} />
      <Card size="small">
        <Figures
          items={[
            ...BACKLOG.map((state) => ({ title: t(`backlog.${state}`), value: view.backlog[state] })),
            { title: t("col.money"), value: <Fen value={view.fen} /> },
            { title: t("col.oldest"), value: view.oldestAgeSeconds === undefined ? "—" : <Age ms={view.oldestAgeSeconds * 1_000} /> },
            { title: t("col.rate"), value: <RateText view={view} /> },
            { title: t("col.wire"), value: view.onWire ?? 0 },
          ]}
        />
      </Card>
      {view.backlog.parked > 0 && <Link to={`/failures?partner=${view.destination}`}>{t("see.failures", { n: view.backlog.parked })}</Link>}
    </Flex>
  );
}
