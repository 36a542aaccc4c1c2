/** Failures: what failed alike, how much is open, what is at stake, who has it, and one click to a safe replay. */
import { useQuery } from "@tanstack/react-query";
import { Badge, Button, Checkbox, Flex, Input, Select, Space, Table, Tabs, Tag, Tooltip, Typography } from "antd";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import type { EventDeliveryList, Page as PageOf } from "../../../../domain/operations/views.ts";
import type { FailureGroup } from "../../../../domain/operations/views-replay.ts";
import { get } from "../../api/client.ts";
import { useLive } from "../../live/use-live.ts";
import { DeedResult, type Deeds, useDeeds } from "../../parts/deed.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Fen } from "../../parts/money.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { colon } from "../../texts/colon.ts";
import { inLanguage } from "../../texts/index.ts";
import { ParkedEvents } from "./events.tsx";
import { changed, type FailureFilterName, isFiltered, noReplay, queryOf } from "./filters.ts";
import { ReplayButton } from "./replay-button.tsx";
import "./texts.ts";

const EVENT_DELIVERIES = ["/event-deliveries"] as const;

export default function Page() {
  const { t } = useTranslation("failures");
  const [address, setAddress] = useSearchParams();
  useLive(["failures", "status"]);
  const events = useQuery({
    queryKey: EVENT_DELIVERIES,
    queryFn: () => get<EventDeliveryList>("/event-deliveries"),
    refetchInterval: 10_000,
  });
  const tab = address.get("tab") === "events" ? "events" : "groups";
  const count = events.data?.items.length ?? 0;
  return (
    <>
      <PageHead title={t("title")} />
      <Tabs
        activeKey={tab}
        onChange={(key) => setAddress(changed(address, "tab", key === "events" ? "events" : undefined))}
        items={[
          { key: "groups", label: t("tab.groups"), children: <Groups /> },
          {
            key: "events",
            label: (
              <Space size={6}>
                {t("tab.events")}
                {count > 0 && <Badge count={count} overflowCount={999} />}
              </Space>
            ),
            children: <ParkedEvents query={events} />,
          },
        ]}
      />
    </>
  );
}

function Groups() {
  const { t } = useTranslation("failures");
  const [address, setAddress] = useSearchParams();
  const query = queryOf(address);
  const deeds = useDeeds(["/failure-groups", "/replays"]);
  const groups = useQuery({
    queryKey: ["/failure-groups", query],
    queryFn: () => get<PageOf<FailureGroup>>("/failure-groups", query),
    placeholderData: (before) => before,
  });
  const set = (name: FailureFilterName | "after", value: string | undefined): void => setAddress(changed(address, name, value));
  const empty = isFiltered(address) ? t("empty.filtered") : t("empty");
  return (
    <>
      <Filters address={address} set={set} clear={() => setAddress(new URLSearchParams())} />
      <DeedResult deeds={deeds} />
      <Problem error={groups.error} />
      <Table<FailureGroup>
        rowKey="id"
        size="small"
        dataSource={groups.data?.items ?? []}
        loading={groups.isPending}
        pagination={false}
        locale={{ emptyText: empty }}
        tableLayout="fixed"
        columns={columnsOf(t, deeds)}
      />
      <Flex justify="end" gap="small" style={{ marginTop: 8 }}>
        {address.has("after") && <Button onClick={() => set("after", undefined)}>{t("first")}</Button>}
        {groups.data?.after !== undefined && <Button onClick={() => set("after", groups.data?.after)}>{t("more")}</Button>}
      </Flex>
    </>
  );
}

interface FiltersProps {
  readonly address: URLSearchParams;
  readonly set: (name: FailureFilterName, value: string | undefined) => void;
  readonly clear: () => void;
}

function Filters({ address, set, clear }: FiltersProps) {
  const { t } = useTranslation("failures");
  const box = (name: "partner" | "code" | "owner") => (
    <Input
      key={`${name} ${address.get(name) ?? ""}`}
      allowClear
      aria-label={t(`filter.${name}`)}
      placeholder={t(`filter.${name}`)}
      defaultValue={address.get(name) ?? ""}
      onPressEnter={(event) => set(name, event.currentTarget.value)}
      onBlur={(event) => event.target.value !== (address.get(name) ?? "") && set(name, event.target.value)}
      style={{ width: 170 }}
    />
  );
  return (
    <Flex wrap gap="small" align="center" style={{ marginBottom: 12 }}>
      <Select
        aria-label={t("filter.of")}
        value={address.get("of") ?? ""}
        onChange={(value) => set("of", value)}
        style={{ width: 190 }}
        options={[
          { value: "", label: t("filter.of.all") },
          { value: "write-backs", label: t("of.write-backs") },
          { value: "messages", label: t("of.messages") },
        ]}
      />
      {box("partner")}
      {box("code")}
      {box("owner")}
      <Checkbox checked={address.get("all") === "true"} onChange={(event) => set("all", event.target.checked ? "true" : undefined)}>
        {t("filter.all")}
      </Checkbox>
      <Checkbox checked={address.get("snoozed") === "true"} onChange={(event) => set("snoozed", event.target.checked ? "true" : undefined)}>
        {t("filter.snoozed")}
      </Checkbox>
      {isFiltered(address) && <Button onClick={clear}>{t("filter.clear")}</Button>}
    </Flex>
  );
}

/** How much is open, and of what sort. */
function OpenCount({ group }: { readonly group: FailureGroup }) {
  const { t } = useTranslation("failures");
  const waiting = group.open - group.parked;
  return (
    <Space size={[4, 4]} wrap>
      <Typography.Text strong>{group.open}</Typography.Text>
      {group.parked > 0 && <Tag color="error">{t("open.parked", { n: group.parked })}</Tag>}
      {group.unclear > 0 && (
        <Tooltip title={t("item.unclear.told")}>
          <Tag color="warning">{t("open.unclear", { n: group.unclear })}</Tag>
        </Tooltip>
      )}
      {waiting > 0 && <Tag>{t("open.waiting", { n: waiting })}</Tag>}
    </Space>
  );
}

const columnsOf = (t: TFunction<"failures">, deeds: Deeds) => [
  {
    title: t("col.partner"),
    width: 120,
    render: (_: unknown, { partner, of, kind }: FailureGroup) => (
      <>
        <Typography.Text strong>{partner}</Typography.Text>
        <br />
        <Typography.Text type="secondary">
          {t(`of.${of}`)}
          {kind === undefined ? "" : ` ${kind}`}
        </Typography.Text>
      </>
    ),
  },
  {
    title: t("col.reason"),
    render: (_: unknown, group: FailureGroup) => (
      <>
        <Link to={`/failures/${group.id}`}>
          <Typography.Text code>{group.code}</Typography.Text> {group.reason}
        </Link>
        {group.next !== undefined && (
          <Typography.Paragraph type="secondary" style={{ margin: 0 }} ellipsis={{ rows: 2, tooltip: inLanguage(group.next) }}>
            {t("next")}
            {colon()}
            {inLanguage(group.next)}
          </Typography.Paragraph>
        )}
      </>
    ),
  },
  { title: t("col.open"), width: 170, render: (_: unknown, group: FailureGroup) => <OpenCount group={group} /> },
  { title: t("col.money"), width: 120, align: "right" as const, render: (_: unknown, { fen }: FailureGroup) => <Fen value={fen} /> },
  {
    title: t("col.when"),
    width: 110,
    render: (_: unknown, { firstAt, lastAt }: FailureGroup) => (
      <>
        <Moment at={firstAt} />
        <br />
        <Moment at={lastAt} />
      </>
    ),
  },
  {
    title: t("col.owner"),
    width: 130,
    render: (_: unknown, { owner, note, snoozed, snoozedUntil }: FailureGroup) => (
      <>
        {owner ?? <Typography.Text type="secondary">{t("nobody")}</Typography.Text>}
        {note !== undefined && (
          <Typography.Paragraph type="secondary" style={{ margin: 0 }} ellipsis={{ tooltip: note }}>
            {note}
          </Typography.Paragraph>
        )}
        {snoozed && (
          <div>
            <Tag style={{ whiteSpace: "normal" }}>
              {t("snoozed.until")} <Moment at={snoozedUntil} />
            </Tag>
          </div>
        )}
      </>
    ),
  },
  {
    title: t("col.do"),
    width: 130,
    render: (_: unknown, group: FailureGroup) => {
      const no = noReplay(group);
      return (
        <ReplayButton
          small
          of={group.of === "messages" ? "messages" : "write-backs"}
          select={{ group: group.id }}
          label={t("replay")}
          deeds={deeds}
          why={no === undefined ? undefined : t(`replay.${no}`)}
        />
      );
    },
  },
];
