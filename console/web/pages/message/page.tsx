/** One message: what happened when, from door to partner; its bytes, events, write-backs, and what people did. */
import { useQuery } from "@tanstack/react-query";
import { Alert, Flex, Skeleton, Space, Tabs, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useParams, useSearchParams } from "react-router";
import type { Payload } from "../../../../domain/operations/views-inspect.ts";
import type { MessageDetail, MessageRow } from "../../../../domain/operations/views.ts";
import { get } from "../../api/client.ts";
import { Copyable } from "../../parts/copyable.tsx";
import { DeedResult, useDeeds } from "../../parts/deed.tsx";
import { Moment } from "../../parts/moment.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { StateTag } from "../../parts/state-tag.tsx";
import { colon } from "../../texts/colon.ts";
import { inLanguage } from "../../texts/index.ts";
import { BytesView } from "./bytes-view.tsx";
import { CompareView } from "./compare-view.tsx";
import { Events } from "./events-view.tsx";
import { Facts } from "./facts.tsx";
import { LegTags } from "./legs.tsx";
import { MessageDeeds } from "./message-deeds.tsx";
import { WriteBacks } from "./owed.tsx";
import { keyOf } from "./payloads.ts";
import { Record } from "./record.tsx";
import { TraceView, useTrace } from "./trace.tsx";
import { Unmask } from "./unmask.tsx";
import "./texts.ts";

const REFETCH_MS = 5_000;

export default function Page() {
  const { id = "" } = useParams();
  return <Message key={id} id={id} />;
}

function Message({ id }: { readonly id: string }) {
  const { t } = useTranslation("message");
  const path = `/messages/${id}`;
  const deeds = useDeeds([path, "/messages"]);
  const masked = useQuery({ queryKey: [path], queryFn: () => get<MessageDetail>(path), refetchInterval: REFETCH_MS });
  const trace = useTrace(id);
  /** Held here and nowhere else: gone with the page. */
  const [whole, setWhole] = useState<{ readonly detail: MessageDetail; readonly reason: string }>();
  const unmask = async (reason: string): Promise<void> => {
    const detail = await deeds.act(
      () => get<MessageDetail>(path, { unmask: "true", reason }),
      () => t("unmasked.now"),
    );
    if (detail !== undefined) setWhole({ detail, reason });
  };
  const detail = whole?.detail ?? masked.data;
  const message = masked.data?.message;
  return (
    <>
      <PageHead
        title={message === undefined ? t("title") : `${t("title")} ${message.partner} ${message.kind}`}
        extra={
          message !== undefined && (
            <>
              <Unmask whole={whole !== undefined} show={(reason) => void unmask(reason)} hide={() => setWhole(undefined)} />
              <MessageDeeds message={message} deeds={deeds} />
            </>
          )
        }
      />
      <DeedResult deeds={deeds} />
      {masked.error !== null && <Problem error={masked.error} />}
      {masked.isPending && <Skeleton active />}
      {detail !== undefined && message !== undefined && (
        <>
          <Head message={message} detail={detail} />
          <Body detail={detail} reason={whole?.reason} trace={trace} deeds={deeds} />
        </>
      )}
    </>
  );
}

function Head({ message, detail }: { readonly message: MessageRow; readonly detail: MessageDetail }) {
  const { t } = useTranslation("message");
  const items = [
    { key: "at", label: t("head.received"), children: <Moment at={message.receivedAt} exact /> },
    { key: "id", label: t("title"), children: <Copyable text={message.id} /> },
    {
      key: "identity",
      label: t("head.identity"),
      children: message.identity === undefined ? undefined : <Copyable text={message.identity} />,
    },
    { key: "flow", label: t("head.flow"), children: message.flow },
    { key: "mapping", label: t("head.mapping"), children: message.mapping },
    { key: "run", label: t("head.run"), children: message.run },
    { key: "bytes", label: t("head.bytes"), children: message.bytes },
    {
      key: "duplicate",
      label: t("head.duplicate"),
      children: message.duplicateOf === undefined ? undefined : <Link to={`/messages/${message.duplicateOf}`}>{message.duplicateOf}</Link>,
    },
    { key: "exchange", label: t("head.exchange"), children: message.exchangeId },
    {
      key: "keys",
      label: t("head.keys"),
      children:
        detail.keys.length === 0 ? undefined : (
          <Space wrap size="small">
            {detail.keys.slice(0, 20).map((key) => (
              <Link key={`${key.kind} ${key.value}`} to={`/search?q=${encodeURIComponent(key.value)}`}>
                {t(`key.${key.kind}`, { defaultValue: key.kind })} {key.value}
              </Link>
            ))}
          </Space>
        ),
    },
  ];
  return (
    <Flex vertical gap="small" style={{ marginBottom: 12 }}>
      <Space wrap>
        <StateTag kind="message" state={message.state} />
        {message.legs !== undefined && <LegTags legs={message.legs} />}
      </Space>
      <Facts items={items} />
      {message.parked !== undefined && <ParkedWhy parked={message.parked} />}
    </Flex>
  );
}

function ParkedWhy({ parked }: { readonly parked: NonNullable<MessageRow["parked"]> }) {
  const { t } = useTranslation("message");
  const { code, next, problems = [], node } = parked;
  return (
    <Alert
      type="error"
      showIcon
      title={
        <>
          {inLanguage(parked)} <Typography.Text code>{code}</Typography.Text>
        </>
      }
      description={
        <>
          {next !== undefined && (
            <div>
              {t("parked.next")}
              {colon()}
              {inLanguage(next)}
            </div>
          )}
          {node !== undefined && (
            <div>
              {t("fact.node")}
              {colon()}
              {node.flow} / {node.name ?? node.type}
            </div>
          )}
          {problems.length > 1 && (
            <ul style={{ margin: 0, paddingLeft: 16 }} aria-label={t("parked.problems")}>
              {problems.slice(0, 20).map((one) => (
                <li key={`${one.at} ${one.code}`}>{inLanguage(one)}</li>
              ))}
            </ul>
          )}
        </>
      }
    />
  );
}

interface BodyProps {
  readonly detail: MessageDetail;
  readonly reason: string | undefined;
  readonly trace: ReturnType<typeof useTrace>;
  readonly deeds: ReturnType<typeof useDeeds>;
}

function Body({ detail, reason, trace, deeds }: BodyProps) {
  const { t } = useTranslation("message");
  const [address, setAddress] = useSearchParams();
  const [compared, setCompared] = useState<readonly [string, string]>();
  const shown = { detail, ...(reason === undefined ? {} : { reason }) };
  const open = (tab: string): void => {
    const next = new URLSearchParams(address);
    if (tab === "trace") next.delete("tab");
    else next.set("tab", tab);
    setAddress(next, { replace: true });
  };
  const compare = (left: Payload, right: Payload): void => {
    setCompared([keyOf(left), keyOf(right)]);
    open("compare");
  };
  const record = detail.history.length + detail.actions.length;
  return (
    <Tabs
      activeKey={address.get("tab") ?? "trace"}
      onChange={open}
      items={[
        { key: "trace", label: t("tab.trace"), children: <TraceView shown={shown} query={trace} compare={compare} /> },
        {
          key: "bytes",
          label: t("tab.bytes"),
          children: <BytesView id={detail.message.id} hasReply={detail.reply !== undefined} reason={reason} />,
        },
        { key: "events", label: t("tab.events", { n: detail.events.length }), children: <Events detail={detail} deeds={deeds} /> },
        { key: "write-backs", label: t("tab.writeBacks", { n: detail.writeBacks.length }), children: <WriteBacks detail={detail} /> },
        {
          key: "compare",
          label: t("tab.compare"),
          children:
            trace.data === undefined ? null : <CompareView shown={shown} trace={trace.data} chosen={compared} choose={setCompared} />,
        },
        { key: "record", label: t("tab.record", { n: record }), children: <Record detail={detail} /> },
      ]}
    />
  );
}
