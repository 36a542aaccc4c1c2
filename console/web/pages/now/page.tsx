/** Night shift, 02:10: what is wrong, who is affected, what to do; then how everything stands, and the day that led here. */
import { useQuery } from "@tanstack/react-query";
import { Card, Flex, Segmented, Spin } from "antd";
import { lazy, Suspense, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type LiveStatus, TREND_STEP_DEFAULT, TREND_STEPS_MINUTES, type Trends } from "../../../../domain/live/views.ts";
import type { AlarmPage } from "../../../../domain/operations/views-alarms.ts";
import type { DestinationView, PartnerView } from "../../../../domain/operations/views.ts";
import { get } from "../../api/client.ts";
import { useLive, useLiveValue } from "../../live/use-live.ts";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { KeyFigures } from "./figures.tsx";
import { PartnerMap } from "./map.tsx";
import { figuresOf, mapOf } from "./model.ts";
import "./texts.ts";
import { Wrong } from "./wrong.tsx";

const TrendChart = lazy(() => import("./trend-chart.tsx"));
const TRENDS_EVERY_MS = 15_000;
/** Alarms' numbers tick; what changes otherwise is told at once. */
const ALARMS_EVERY_MS = 15_000;
const ALARMS = { state: "open", limit: "100" } as const;

function TrendCard() {
  const { t } = useTranslation("now");
  const [step, setStep] = useState<number>(TREND_STEP_DEFAULT);
  const query = { step: String(step) };
  const trends = useQuery({
    queryKey: ["/trends", query],
    queryFn: () => get<Trends>("/trends", query),
    refetchInterval: TRENDS_EVERY_MS,
    placeholderData: (before) => before,
  });
  return (
    <Card
      size="small"
      title={<h2 style={{ fontSize: 16, margin: 0 }}>{t("trend.title")}</h2>}
      extra={
        <Segmented
          size="small"
          aria-label={t("trend.title")}
          value={step}
          options={TREND_STEPS_MINUTES.map((n) => ({ value: n, label: t("trend.step", { n }) }))}
          onChange={setStep}
        />
      }
    >
      <Problem error={trends.error} />
      <div style={{ minHeight: 180 }}>
        {trends.data !== undefined && (
          <Suspense>
            <TrendChart trends={trends.data} />
          </Suspense>
        )}
      </div>
    </Card>
  );
}

export default function NowPage() {
  const { t } = useTranslation("now");
  useLive(["status", "destinations", "alarms", "failures"]);
  const status = useLiveValue<LiveStatus>("status");
  const alarms = useQuery({
    queryKey: ["/alarms", ALARMS],
    queryFn: () => get<AlarmPage>("/alarms", ALARMS),
    refetchInterval: ALARMS_EVERY_MS,
  });
  const destinations = useQuery({
    queryKey: ["/destinations"],
    queryFn: () => get<{ readonly items: readonly DestinationView[] }>("/destinations"),
  });
  const partners = useQuery({
    queryKey: ["/partners"],
    queryFn: () => get<{ readonly items: readonly PartnerView[] }>("/partners"),
    staleTime: 60_000,
  });
  const recent = useQuery({
    queryKey: ["/trends", { step: String(TREND_STEP_DEFAULT) }],
    queryFn: () => get<Trends>("/trends", { step: String(TREND_STEP_DEFAULT) }),
    refetchInterval: TRENDS_EVERY_MS,
  });
  const [open, owing] = [alarms.data?.items ?? [], destinations.data?.items ?? []];
  const figures = useMemo(() => figuresOf(owing), [owing]);
  const map = useMemo(() => mapOf(partners.data?.items ?? [], owing, recent.data, open), [partners.data, owing, recent.data, open]);
  const loading = alarms.isPending || destinations.isPending || partners.isPending;

  return (
    <>
      <PageHead title={t("title")} />
      <Flex vertical gap="middle">
        <Problem error={alarms.error ?? destinations.error ?? partners.error} />
        {loading ? (
          <Spin />
        ) : (
          <>
            <Wrong alarms={open} destinations={owing} services={status?.services} waiting={figures.waiting} />
            <KeyFigures figures={figures} messages={status?.messages?.received} />
            <PartnerMap {...map} minutes={recent.data?.recentMinutes ?? 5} status={status} />
          </>
        )}
        <TrendCard />
      </Flex>
    </>
  );
}
