/** Alarms, open and past: what each means, what to do, who has it, whether everybody was told. */
import { useQuery } from "@tanstack/react-query";
import { Button, Card, Descriptions, Flex, Input, Segmented, Select, Table, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { ALARM, ALARM_KINDS, isAlarmKind } from "../../../../domain/alarms/kinds.ts";
import type { AlarmPage, AlarmSinkList, AlarmSinkView, AlarmView } from "../../../../domain/operations/views-alarms.ts";
import { get } from "../../api/client.ts";
import { useLive } from "../../live/use-live.ts";
import { AgeSince, Moment } from "../../parts/moment.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { StateTag } from "../../parts/state-tag.tsx";
import { inLanguage } from "../../texts/index.ts";
import { AlarmDeeds } from "./deeds.tsx";
import { AlarmNumbers } from "./details.tsx";
import { AlarmPlaces, AlarmStep } from "./step.tsx";
import "./texts.ts";

const PAGE = "25";

function Told({ told }: { readonly told: AlarmView["told"] }) {
  const { t } = useTranslation("alarms");
  return (
    <ul style={{ margin: 0, paddingInlineStart: 18 }}>
      {told.map((one, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: what was told has no id, and is only ever added to
        <li key={index}>
          {one.sink} {t(`told.${one.what}`, { defaultValue: one.what })}{" "}
          {one.toldAt === undefined ? t("told.waiting", { n: one.tries }) : <Moment at={one.toldAt} />}
          {one.lastError !== undefined && <Typography.Text type="danger"> {one.lastError}</Typography.Text>}
        </li>
      ))}
    </ul>
  );
}

/** Everything about one alarm: the runbook's words, numbers, people, what was told. */
function Whole({ alarm }: { readonly alarm: AlarmView }) {
  const { t } = useTranslation("alarms");
  const items = [
    ...(isAlarmKind(alarm.kind) ? [{ key: "when", label: t("when"), span: 2, children: inLanguage(ALARM[alarm.kind].when) }] : []),
    { key: "details", label: t("details"), children: <AlarmNumbers alarm={alarm} /> },
    { key: "told", label: t("told"), children: <Told told={alarm.told} /> },
    ...(alarm.note === undefined ? [] : [{ key: "note", label: t("note"), span: 2, children: alarm.note }]),
    ...(alarm.snoozedUntil === undefined
      ? []
      : [{ key: "snoozed", label: t("snooze.until"), children: <Moment at={alarm.snoozedUntil} /> }]),
    ...(alarm.acknowledgedBy === undefined
      ? []
      : [{ key: "seen", label: t("seen"), children: t("seen.by", { name: alarm.acknowledgedBy }) }]),
    { key: "runbook", label: t("runbook"), children: <Typography.Text code>{alarm.runbook}</Typography.Text> },
  ];
  return (
    <Flex vertical gap="small">
      <AlarmStep alarm={alarm} />
      <Descriptions size="small" column={2} items={items} />
      <AlarmDeeds alarm={alarm} />
    </Flex>
  );
}

function Sinks() {
  const { t } = useTranslation("alarms");
  const sinks = useQuery({ queryKey: ["/alarm-sinks"], queryFn: () => get<AlarmSinkList>("/alarm-sinks") });
  return (
    <Card title={t("sinks")} size="small">
      <Problem error={sinks.error} />
      <Table<AlarmSinkView>
        size="small"
        rowKey="sink"
        pagination={false}
        loading={sinks.isPending}
        dataSource={sinks.data?.items ?? []}
        columns={[
          { title: t("sinks.sink"), dataIndex: "sink" },
          { title: t("sinks.target"), dataIndex: "target" },
          { title: t("sinks.waiting"), dataIndex: "waiting" },
          { title: t("sinks.last"), dataIndex: "lastToldAt", render: (at?: string) => <Moment at={at} /> },
          { title: t("sinks.error"), dataIndex: "lastError" },
        ]}
      />
    </Card>
  );
}

function useAlarmColumns() {
  const { t } = useTranslation("alarms");
  return [
    {
      title: t("severity"),
      key: "severity",
      width: 110,
      render: (_value: unknown, row: AlarmView) => <StateTag kind="alarm" state={row.open ? row.severity : "ended"} />,
    },
    { title: t("what"), key: "what", render: (_value: unknown, row: AlarmView) => inLanguage(row.text) },
    { title: t("subject"), dataIndex: "subject" },
    { title: t("started"), dataIndex: "startedAt", render: (at: string) => <Moment at={at} /> },
    {
      title: t("since"),
      key: "since",
      render: (_value: unknown, row: AlarmView) => (row.open ? <AgeSince at={row.startedAt} /> : <Moment at={row.endedAt} />),
    },
    {
      title: t("owner"),
      key: "owner",
      render: (_value: unknown, row: AlarmView) => row.owner ?? <Typography.Text type="secondary">{t("owner.none")}</Typography.Text>,
    },
    {
      title: t("next"),
      key: "go",
      render: (_value: unknown, row: AlarmView) => (
        <Flex gap="small" wrap>
          <AlarmPlaces alarm={row} />
        </Flex>
      ),
    },
  ];
}

export default function AlarmsPage() {
  const { t } = useTranslation("alarms");
  const [address, setAddress] = useSearchParams();
  useLive(["alarms"]);
  const state = address.get("state") ?? "open";
  const [kind, subject, after] = [address.get("kind"), address.get("subject"), address.get("after")];
  const query = {
    limit: PAGE,
    ...(state === "all" ? {} : { state }),
    ...(kind === null ? {} : { kind }),
    ...(subject === null || subject === "" ? {} : { subject }),
    ...(after === null ? {} : { after }),
  };
  const alarms = useQuery({
    queryKey: ["/alarms", query],
    queryFn: () => get<AlarmPage>("/alarms", query),
    placeholderData: (before) => before,
  });
  const columns = useAlarmColumns();
  const set = (name: string, value: string | undefined): void =>
    setAddress((before) => {
      const next = new URLSearchParams(before);
      if (value === undefined || value === "") next.delete(name);
      else next.set(name, value);
      if (name !== "after") next.delete("after");
      return next;
    });
  const next = alarms.data?.after;

  return (
    <>
      <PageHead
        title={t("title")}
        extra={
          <>
            <Segmented
              aria-label={t("filter.state")}
              value={state}
              options={["open", "ended", "all"].map((value) => ({ value, label: t(`filter.${value}`) }))}
              onChange={(value) => set("state", value)}
            />
            <Select
              aria-label={t("filter.kind")}
              placeholder={t("filter.kind")}
              allowClear
              style={{ width: 240 }}
              value={kind}
              options={ALARM_KINDS.map((value) => ({ value, label: inLanguage(ALARM[value]) }))}
              onChange={(value?: string | null) => set("kind", value ?? undefined)}
            />
            <Input.Search
              aria-label={t("filter.subject")}
              placeholder={t("filter.subject")}
              allowClear
              defaultValue={subject ?? ""}
              style={{ width: 180 }}
              onSearch={(value) => set("subject", value.trim())}
            />
          </>
        }
      />
      <Flex vertical gap="middle">
        <Problem error={alarms.error} />
        <Table<AlarmView>
          rowKey="id"
          size="small"
          pagination={false}
          loading={alarms.isPending}
          locale={{ emptyText: t("none") }}
          dataSource={alarms.data?.items ?? []}
          columns={columns}
          expandable={{ expandedRowRender: (alarm) => <Whole alarm={alarm} />, defaultExpandedRowKeys: address.getAll("id") }}
        />
        <Flex gap="small" justify="end">
          {after !== null && <Button onClick={() => set("after", undefined)}>{t("first")}</Button>}
          {next !== undefined && <Button onClick={() => set("after", next)}>{t("more")}</Button>}
        </Flex>
        <Sinks />
      </Flex>
    </>
  );
}
