/** What a job would do, in words and numbers, and what it cannot do and why. */
import { Alert, Card, Flex, Table, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { ReplayJob } from "../../../../domain/operations/views-replay.ts";
import { yuanText } from "../../parts/fen.ts";
import { Figures } from "../../parts/figures.tsx";
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
  const refusedCount = refused.reduce((sum, { count }) => sum + count, 0);
  return (
    <Card size="small" title={t("preview.title")}>
      <Figures
        items={[
          { title: t("preview.matched"), value: matched },
          { title: t("preview.planned"), value: planned },
          ...(of === "write-backs" ? [{ title: t("preview.money"), value: <Fen value={preview.fen} /> }] : []),
          { title: t("preview.closed"), value: closed },
          { title: t("preview.refused"), value: refusedCount },
          ...(of === "write-backs" ? [{ title: t("preview.superseded"), value: preview.superseded }] : []),
          ...(preview.lanes === undefined ? [] : [{ title: t("preview.lanes"), value: preview.lanes }]),
        ]}
      />
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
