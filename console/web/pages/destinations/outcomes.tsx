/** How a destination answered in the last hour: by minute, and by code. */
import { useQuery } from "@tanstack/react-query";
import { Alert, Card, Empty, Skeleton, Table, Tag, theme, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Bar, BarChart, CartesianGrid, Legend, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import type { OutcomesView } from "../../../../domain/operations/views-destinations.ts";
import { get } from "../../api/client.ts";
import { Moment } from "../../parts/moment.tsx";
import { Problem } from "../../parts/problem.tsx";
import { inLanguage } from "../../texts/index.ts";
import { OUTCOMES, type OutcomeName, pointsOf } from "./minutes.ts";
import "./texts.ts";

const REFRESH_MS = 15_000;

export function Outcomes({ destination }: { readonly destination: string }) {
  const { t } = useTranslation("destinations");
  const { token } = theme.useToken();
  const path = `/destinations/${destination}/outcomes`;
  const query = useQuery({ queryKey: [path], queryFn: () => get<OutcomesView>(path), refetchInterval: REFRESH_MS });
  if (query.data === undefined) return query.error === null ? <Skeleton active /> : <Problem error={query.error} />;
  const { minutes, codes, cut, since } = query.data;
  if (minutes.length === 0) return <Empty description={t("outcomes.none")} />;
  const color: Readonly<Record<OutcomeName, string>> = {
    acknowledged: token.colorSuccess,
    deferred: token.colorInfo,
    busy: token.colorTextTertiary,
    unsent: token.colorTextSecondary,
    unclear: token.colorWarning,
    rejected: token.colorError,
  };
  const outcomeName = (outcome: string): string => t(`outcome.${outcome}` as "outcome.busy", { defaultValue: outcome });
  const shown = OUTCOMES.filter((outcome) => minutes.some((one) => one.outcome === outcome));
  return (
    <>
      {cut && <Alert type="warning" showIcon title={t("outcomes.cut")} style={{ marginBottom: 12 }} />}
      <Card
        size="small"
        title={t("outcomes.title")}
        extra={
          <Typography.Text type="secondary">
            {t("outcomes.since")} <Moment at={since} />
          </Typography.Text>
        }
      >
        <div style={{ width: "100%", height: 220 }} role="img" aria-label={t("outcomes.title")}>
          <ResponsiveContainer>
            <BarChart
              accessibilityLayer={false}
              data={[...pointsOf(minutes, since, Date.now())]}
              margin={{ top: 4, right: 8, bottom: 0, left: 0 }}
            >
              <CartesianGrid vertical={false} stroke={token.colorSplit} />
              <XAxis dataKey="at" tick={{ fill: token.colorTextSecondary, fontSize: 11 }} interval={9} />
              <YAxis width={40} allowDecimals={false} tick={{ fill: token.colorTextSecondary, fontSize: 11 }} />
              <Tooltip contentStyle={{ background: token.colorBgElevated, borderColor: token.colorBorder, color: token.colorText }} />
              <Legend />
              {shown.map((outcome) => (
                <Bar
                  key={outcome}
                  dataKey={outcome}
                  stackId="all"
                  fill={color[outcome]}
                  name={outcomeName(outcome)}
                  isAnimationActive={false}
                />
              ))}
            </BarChart>
          </ResponsiveContainer>
        </div>
      </Card>
      <Table
        style={{ marginTop: 12 }}
        size="small"
        pagination={false}
        title={() => t("outcomes.codes")}
        rowKey={(row) => [row.outcome, row.code, row.status, row.why].join(" ")}
        dataSource={codes}
        columns={[
          { title: t("outcomes.outcome"), width: 140, render: (_, { outcome }) => <Tag>{outcomeName(outcome)}</Tag> },
          {
            title: t("outcomes.code"),
            width: 140,
            render: (_, { code, status }) => code ?? (status === undefined ? "—" : `HTTP ${status}`),
          },
          { title: t("outcomes.count"), dataIndex: "count", width: 100, align: "right" },
          {
            title: t("outcomes.why"),
            render: (_, { why, whyZh }) => (why === undefined ? "" : inLanguage({ zh: whyZh ?? why, en: why })),
          },
        ]}
      />
    </>
  );
}
