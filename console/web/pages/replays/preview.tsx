/** What a job would do, in words and numbers, and what it cannot do and why. */
import { Alert, Card, Col, Flex, Row, Statistic, Table, Typography } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { ReplayJob } from "../../../../domain/operations/views-replay.ts";
import { yuanText } from "../../parts/fen.ts";
import { Fen } from "../../parts/money.tsx";
import { inLanguage } from "../../texts/index.ts";
import { useReplayTerms } from "../failures/replay-button.tsx";

export function JobPreview({ job }: { readonly job: ReplayJob }) {
  const { t } = useTranslation("replays");
  const canary = useReplayTerms().data?.canary ?? 10;
  const { preview, of } = job;
  if (!preview.complete && job.state === "selecting")
    return <Alert type="info" showIcon title={t("preview.selecting", { n: preview.matched })} />;
  const { matched, planned, refused, how } = preview;
  const closed = preview.closedAtLeast ? t("preview.atLeast", { n: preview.closed }) : preview.closed;
  const money = yuanText(preview.fen) ?? preview.fen;
  const one = (title: string, value: ReactNode): ReactNode => (
    <Col key={title} xs={12} md={8} xl={3}>
      <Statistic title={title} valueRender={() => <span style={{ fontSize: 18 }}>{value}</span>} />
    </Col>
  );
  const refusedCount = refused.reduce((sum, { count }) => sum + count, 0);
  return (
    <Card size="small" title={t("preview.title")}>
      <Row gutter={[12, 12]}>
        {one(t("preview.matched"), matched)}
        {one(t("preview.planned"), planned)}
        {of === "write-backs" && one(t("preview.money"), <Fen value={preview.fen} />)}
        {one(t("preview.closed"), closed)}
        {one(t("preview.refused"), refusedCount)}
        {of === "write-backs" && one(t("preview.superseded"), preview.superseded)}
        {preview.lanes !== undefined && one(t("preview.lanes"), preview.lanes)}
      </Row>
      <Flex vertical gap={4} style={{ marginTop: 12 }}>
        <Typography.Text>
          {t(of === "messages" ? "preview.words.messages" : "preview.words", { matched, planned, closed, money })}
        </Typography.Text>
        {(["ask", "send", "feed"] as const).map(
          (one_) => how[one_] > 0 && <Typography.Text key={one_}>{t(`preview.how.${one_}`, { n: how[one_] })}</Typography.Text>,
        )}
        {of === "write-backs" && preview.withoutAmount > 0 && (
          <Typography.Text type="secondary">{t("preview.withoutAmount", { n: preview.withoutAmount })}</Typography.Text>
        )}
        <Typography.Text type="secondary">{t("preview.order", { canary: Math.min(canary, planned) })}</Typography.Text>
        {preview.more && <Alert type="warning" showIcon title={t("preview.more")} />}
        {planned === 0 && preview.complete && <Alert type="warning" showIcon title={t("preview.nothing")} />}
      </Flex>
      {refused.length > 0 && (
        <Table
          rowKey="code"
          size="small"
          pagination={false}
          style={{ marginTop: 12 }}
          dataSource={refused}
          columns={[
            {
              title: t("refused.code"),
              dataIndex: "code",
              width: 190,
              render: (code: string) => <Typography.Text code>{code}</Typography.Text>,
            },
            { title: t("refused.count"), dataIndex: "count", width: 90, align: "right" },
            { title: t("refused.why"), render: (_, row) => inLanguage(row) },
            { title: t("refused.next"), render: (_, row) => inLanguage(row.next) },
          ]}
        />
      )}
    </Card>
  );
}
