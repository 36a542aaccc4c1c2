/** One write-back: what is owed, every attempt with its verdict, and what people did. */
import { useQuery } from "@tanstack/react-query";
import { Alert, Flex, Skeleton, Space, Table, Tabs, Tag, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";
import type { WriteBackDetail } from "../../../../domain/operations/views.ts";
import { get } from "../../api/client.ts";
import { Copyable } from "../../parts/copyable.tsx";
import { DeedResult, useDeeds } from "../../parts/deed.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Fen } from "../../parts/money.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { StateTag } from "../../parts/state-tag.tsx";
import { colon } from "../../texts/colon.ts";
import { inLanguage, languageNow } from "../../texts/index.ts";
import { linesOf } from "./compare.ts";
import { Facts } from "./facts.tsx";
import { Attempts, Verdict } from "./owed.tsx";
import { TextView } from "./payload-view.tsx";
import { Deeds } from "./record.tsx";
import { Unmask } from "./unmask.tsx";
import { WriteBackDeeds } from "./write-back-deeds.tsx";
import "./texts.ts";

const REFETCH_MS = 5_000;

export default function Page() {
  const { id = "" } = useParams();
  return <WriteBack key={id} id={id} />;
}

function WriteBack({ id }: { readonly id: string }) {
  const { t } = useTranslation("message");
  const path = `/write-backs/${id}`;
  const deeds = useDeeds([path, "/write-backs", "/messages"]);
  const masked = useQuery({ queryKey: [path], queryFn: () => get<WriteBackDetail>(path), refetchInterval: REFETCH_MS });
  const [whole, setWhole] = useState<WriteBackDetail>();
  const unmask = async (reason: string): Promise<void> => {
    const shown = await deeds.act(
      () => get<WriteBackDetail>(path, { unmask: "true", reason }),
      () => t("unmasked.now"),
    );
    if (shown !== undefined) setWhole(shown);
  };
  const now = masked.data;
  const detail = whole ?? now;
  return (
    <>
      <PageHead
        title={now === undefined ? t("title.write-back") : `${t("title.write-back")} ${now.writeBack.destination} ${now.writeBack.kind}`}
        extra={
          now !== undefined && (
            <>
              <Unmask whole={whole !== undefined} show={(reason) => void unmask(reason)} hide={() => setWhole(undefined)} />
              <WriteBackDeeds detail={now} deeds={deeds} />
            </>
          )
        }
      />
      <DeedResult deeds={deeds} />
      {masked.error !== null && <Problem error={masked.error} />}
      {masked.isPending && <Skeleton active />}
      {detail !== undefined && now !== undefined && (
        <>
          <Head detail={now} />
          <Body detail={detail} />
        </>
      )}
    </>
  );
}

function Head({ detail }: { readonly detail: WriteBackDetail }) {
  const { t } = useTranslation("message");
  const { writeBack: row } = detail;
  const why = languageNow() === "en-US" ? row.lastWhy : (row.lastWhyZh ?? row.lastWhy);
  const items = [
    { key: "message", label: t("wb.message"), children: <Link to={`/messages/${row.messageId}`}>{row.messageId}</Link> },
    { key: "key", label: t("wb.key"), children: <Copyable text={row.key} /> },
    {
      key: "lane",
      label: t("wb.lane"),
      children: (
        <>
          {row.lane} {detail.behind > 0 && <Tag color="warning">{t("wb.behind", { n: detail.behind })}</Tag>}
        </>
      ),
    },
    { key: "amount", label: t("wb.amount"), children: row.amount === undefined ? undefined : <Fen value={row.amount} /> },
    { key: "serial", label: t("wb.serial"), children: row.serial },
    { key: "owed", label: t("wb.owed"), children: <Moment at={row.owedAt} exact /> },
    { key: "next", label: t("wb.next"), children: row.nextAt === undefined ? undefined : <Moment at={row.nextAt} /> },
    { key: "closed", label: t("wb.closed"), children: row.closedAt === undefined ? undefined : <Moment at={row.closedAt} /> },
    {
      key: "receipt",
      label: t("wb.receipt"),
      children: [row.receipt?.partnerNo, row.receipt?.code, row.receipt?.text].filter(Boolean).join(" ") || undefined,
    },
    { key: "cause", label: t("wb.cause"), children: detail.cause.type },
    { key: "mapping", label: t("wb.mapping"), children: detail.mapping },
    { key: "flow", label: t("wb.flow"), children: detail.flow },
    {
      key: "group",
      label: t("wb.group"),
      children:
        row.failureGroup === undefined ? undefined : <Link to={`/failures/${row.failureGroup}`}>{row.failureGroup.slice(0, 12)}</Link>,
    },
    {
      key: "of",
      label: t("wb.copyOf"),
      children: row.replayOf === undefined ? undefined : <Link to={`/write-backs/${row.replayOf}`}>{row.replayOf}</Link>,
    },
    {
      key: "copy",
      label: t("wb.copy"),
      children: row.replacedBy === undefined ? undefined : <Link to={`/write-backs/${row.replacedBy}`}>{row.replacedBy}</Link>,
    },
  ];
  return (
    <Flex vertical gap="small" style={{ marginBottom: 12 }}>
      <Space wrap>
        <StateTag kind="write-back" state={row.state} />
        {row.lastOutcome !== undefined && <Verdict outcome={row.lastOutcome} />}
        {row.mayHaveTakenEffect && row.state !== "acknowledged" && <Tag color="error">{t("wb.effect")}</Tag>}
        {row.resolution !== undefined && <Tag>{t(`wb.resolve.${row.resolution}`, { defaultValue: row.resolution })}</Tag>}
      </Space>
      <Facts items={items} />
      {row.parked !== undefined ? (
        <Alert
          type="error"
          showIcon
          title={
            <>
              {inLanguage(row.parked)} <Typography.Text code>{row.parked.code}</Typography.Text>
            </>
          }
          description={row.parked.advice === undefined ? why : `${t("parked.next")}${colon()}${inLanguage(row.parked.advice)}`}
        />
      ) : (
        why !== undefined && row.closedAt === undefined && <Alert type="warning" showIcon title={why} description={row.lastText} />
      )}
      {detail.gone !== undefined && <Alert type="info" showIcon title={t("wb.gone", { what: detail.gone.join(", ") })} />}
    </Flex>
  );
}

function Body({ detail }: { readonly detail: WriteBackDetail }) {
  const { t } = useTranslation("message");
  return (
    <Tabs
      items={[
        { key: "attempts", label: t("wb.attempts", { n: detail.attempts.length }), children: <Attempts attempts={detail.attempts} /> },
        {
          key: "request",
          label: t("wb.request"),
          children:
            detail.body?.text === undefined ? (
              <Typography.Text type="secondary">{t("payload.none")}</Typography.Text>
            ) : (
              <TextView text={linesOf(detail.body.text)} label={t("wb.request")} />
            ),
        },
        {
          key: "acknowledgements",
          label: t("wb.acknowledgements", { n: detail.acknowledgements.length }),
          children: (
            <Table
              rowKey="messageId"
              size="small"
              pagination={false}
              dataSource={detail.acknowledgements}
              columns={[
                {
                  title: t("record.when"),
                  key: "at",
                  width: 200,
                  render: (_, row) => (
                    <Link to={`/messages/${row.messageId}`}>
                      <Moment at={row.receivedAt} />
                    </Link>
                  ),
                },
                { title: t("record.what"), dataIndex: "state", width: 120 },
                { title: t("attempt.outcome"), key: "outcome", width: 120, render: (_, row) => <Verdict outcome={row.outcome} /> },
                { title: t("attempt.why"), key: "why", render: (_, row) => (languageNow() === "en-US" ? row.why : row.whyZh) },
              ]}
            />
          ),
        },
        { key: "record", label: t("tab.record", { n: detail.actions.length }), children: <Deeds rows={detail.actions} /> },
      ]}
    />
  );
}
