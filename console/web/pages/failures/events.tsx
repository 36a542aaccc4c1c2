/** Events whose flow parked: handed over again, or closed by a person. */
import type { UseQueryResult } from "@tanstack/react-query";
import { Alert, Flex, Table, Tooltip, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Done, EventDeliveryList } from "../../../../domain/operations/views.ts";
import { post } from "../../api/client.ts";
import { useMay } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import { DeedResult, useDeeds } from "../../parts/deed.tsx";
import { Moment } from "../../parts/moment.tsx";
import { NotNow } from "../../parts/not-now.tsx";
import { Problem } from "../../parts/problem.tsx";
import { colon } from "../../texts/colon.ts";
import { inLanguage } from "../../texts/index.ts";

type Parked = EventDeliveryList["items"][number];

export function ParkedEvents({ query }: { readonly query: UseQueryResult<EventDeliveryList> }) {
  const { t } = useTranslation("failures");
  const { t: r } = useTranslation("replays");
  const deeds = useDeeds(["/event-deliveries", "/failure-groups"]);
  const ask = useAskReason();
  const [mayReplay, mayClose] = [useMay("replay"), useMay("resolve")];

  const decide = async (row: Parked, what: "replay" | "resolve"): Promise<void> => {
    const words = what === "replay" ? "events.replay" : "events.close";
    const fields = (
      <Alert
        type={what === "replay" ? "info" : "warning"}
        showIcon
        title={t(`${words}.told`, { subscriber: row.subscriber })}
        style={{ marginBottom: 12 }}
      />
    );
    const title = t(`${words}.title`, { subscriber: row.subscriber });
    const reason = await ask({ title, fields, danger: what === "resolve", confirm: t(words).replace("…", "") });
    if (reason === undefined) return;
    const path = `/event-deliveries/${encodeURIComponent(row.subscriber)}/${encodeURIComponent(row.eventId)}/${what}`;
    await deeds.act(
      () => post<Done>(path, { reason }),
      () => t(`${words}.done`),
    );
  };

  return (
    <>
      <Alert type="info" showIcon title={t("events.told")} style={{ marginBottom: 12 }} />
      <DeedResult deeds={deeds} />
      <Problem error={query.error} />
      <Table<Parked>
        rowKey={(row) => `${row.subscriber} ${row.eventId}`}
        size="small"
        dataSource={query.data?.items ?? []}
        loading={query.isPending}
        pagination={false}
        locale={{ emptyText: t("events.empty") }}
        tableLayout="fixed"
        columns={[
          { title: t("events.subscriber"), dataIndex: "subscriber", width: 180, ellipsis: true },
          {
            title: t("events.event"),
            width: 200,
            ellipsis: true,
            render: (_, row) => (
              <Tooltip title={row.eventId}>
                <Link to={`/messages/${row.messageId}`}>{row.eventId}</Link>
              </Tooltip>
            ),
          },
          {
            title: t("events.why"),
            render: (_, { parked }) =>
              parked === undefined ? null : (
                <>
                  <Typography.Text code>{parked.code}</Typography.Text> {inLanguage(parked)}
                  {parked.next !== undefined && (
                    <Typography.Paragraph type="secondary" style={{ margin: 0 }}>
                      {t("next")}
                      {colon()}
                      {inLanguage(parked.next)}
                    </Typography.Paragraph>
                  )}
                </>
              ),
          },
          { title: t("events.owed"), width: 150, render: (_, row) => <Moment at={row.owedAt} /> },
          { title: t("events.run"), dataIndex: "run", width: 70, align: "right" },
          {
            title: t("col.do"),
            width: 210,
            render: (_, row) => (
              <Flex gap={4} wrap>
                <NotNow size="small" why={mayReplay ? undefined : r("no.right.replay")} onClick={() => void decide(row, "replay")}>
                  {t("events.replay")}
                </NotNow>
                <NotNow size="small" danger why={mayClose ? undefined : r("no.right.resolve")} onClick={() => void decide(row, "resolve")}>
                  {t("events.close")}
                </NotNow>
              </Flex>
            ),
          },
        ]}
      />
    </>
  );
}
