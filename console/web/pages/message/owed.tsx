/** Write-backs of a message, and the attempts of one: verdict, why, request and reply. */
import { Collapse, Descriptions, Empty, Flex, Space, Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Attempt, MessageDetail, WriteBackRow } from "../../../../domain/operations/views.ts";
import { Moment } from "../../parts/moment.tsx";
import { Fen } from "../../parts/money.tsx";
import { StateTag } from "../../parts/state-tag.tsx";
import { languageNow } from "../../texts/index.ts";
import { linesOf } from "./compare.ts";
import { TextView } from "./payload-view.tsx";
import "./texts.ts";

const VERDICT_COLOR: Readonly<Record<string, string>> = {
  acknowledged: "success",
  rejected: "error",
  unclear: "error",
  busy: "warning",
  unsent: "warning",
  deferred: "processing",
};

export function Verdict({ outcome }: { readonly outcome: string | undefined }) {
  const { t } = useTranslation("message");
  if (outcome === undefined) return <Tag color="processing">{t("outcome.open")}</Tag>;
  return <Tag color={VERDICT_COLOR[outcome] ?? "default"}>{t(`outcome.${outcome}`, { defaultValue: outcome })}</Tag>;
}

const took = (one: Attempt): string | undefined => {
  const ms = one.endedAt === undefined ? Number.NaN : Date.parse(one.endedAt) - Date.parse(one.startedAt);
  return Number.isFinite(ms) ? `${ms} ms` : undefined;
};

/** Every attempt, newest first: what was done, the verdict of the ack contract and why, the reply. */
export function Attempts({ attempts }: { readonly attempts: readonly Attempt[] }) {
  const { t } = useTranslation("message");
  if (attempts.length === 0) return <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} />;
  const newest = [...attempts].sort((one, other) => other.n - one.n);
  return (
    <Collapse
      defaultActiveKey={newest[0] === undefined ? [] : [String(newest[0].n)]}
      items={newest.map((one) => ({
        key: String(one.n),
        label: (
          <Space wrap>
            {t("attempt.n", { n: one.n })}
            <Tag>{t(`attempt.action.${one.action}`, { defaultValue: one.action })}</Tag>
            <Verdict outcome={one.outcome} />
            <Moment at={one.startedAt} exact />
            {one.code !== undefined && <Typography.Text code>{one.code}</Typography.Text>}
          </Space>
        ),
        children: <AttemptDetail one={one} />,
      }))}
    />
  );
}

function AttemptDetail({ one }: { readonly one: Attempt }) {
  const { t } = useTranslation("message");
  const why = languageNow() === "en-US" ? one.why : (one.whyZh ?? one.why);
  const items = [
    { key: "took", label: t("attempt.took"), children: took(one) },
    {
      key: "step",
      label: t("attempt.step"),
      children: one.step === undefined ? undefined : t(`step.${one.step}`, { defaultValue: one.step }),
    },
    { key: "status", label: t("fact.status"), children: one.status },
    { key: "code", label: t("attempt.code"), children: [one.code, one.text].filter((part) => part !== undefined).join(" ") },
    { key: "why", label: t("attempt.why"), children: [why, one.whyCode === undefined ? "" : `(${one.whyCode})`].join(" "), span: 2 },
  ];
  return (
    <Flex vertical gap="small">
      <Descriptions
        size="small"
        column={2}
        items={items.filter(({ children }) => children !== undefined && children !== "" && children !== " ")}
      />
      <Typography.Text strong>{t("attempt.reply")}</Typography.Text>
      {one.reply?.text === undefined ? (
        <Typography.Text type="secondary">{t("attempt.reply.none")}</Typography.Text>
      ) : (
        <TextView text={linesOf(one.reply.text)} label={`${t("attempt.reply")} ${one.n}`} />
      )}
    </Flex>
  );
}

/** One line of a write-back. */
function WriteBackLine({ row }: { readonly row: WriteBackRow }) {
  return (
    <Space wrap>
      <Typography.Text strong>
        {row.destination} {row.kind}
      </Typography.Text>
      <StateTag kind="write-back" state={row.state} />
      {row.lastOutcome !== undefined && row.state !== "acknowledged" && <Verdict outcome={row.lastOutcome} />}
      <Fen value={row.amount} />
      <Typography.Text type="secondary">{row.lane}</Typography.Text>
      <Moment at={row.owedAt} />
    </Space>
  );
}

export function WriteBacks({ detail }: { readonly detail: MessageDetail }) {
  const { t } = useTranslation("message");
  if (detail.writeBacks.length === 0) return <Empty description={t("wb.none")} />;
  return (
    <Collapse
      defaultActiveKey={detail.writeBacks.length === 1 ? [detail.writeBacks[0]?.writeBack.id ?? ""] : []}
      items={detail.writeBacks.map(({ writeBack, attempts }) => ({
        key: writeBack.id,
        label: <WriteBackLine row={writeBack} />,
        // Not in the header: that is a button itself.
        children: (
          <Flex vertical gap="small">
            <Link to={`/write-backs/${writeBack.id}`}>{t("wb.open")}</Link>
            <Attempts attempts={attempts} />
          </Flex>
        ),
      }))}
    />
  );
}
