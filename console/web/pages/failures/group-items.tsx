/** The items of a failure group, chosen ones to a replay job of their own. */
import { useQuery } from "@tanstack/react-query";
import { Button, Card, Checkbox, Flex, Table, Tag, Tooltip, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { FailureItem } from "../../../../domain/operations/views-failures.ts";
import type { Page as PageOf } from "../../../../domain/operations/views.ts";
import type { FailureGroup } from "../../../../domain/operations/views-replay.ts";
import { get } from "../../api/client.ts";
import type { Deeds } from "../../parts/deed.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Fen } from "../../parts/money.tsx";
import { Problem } from "../../parts/problem.tsx";
import { StateTag } from "../../parts/state-tag.tsx";
import { inLanguage } from "../../texts/index.ts";
import { ReplayButton } from "./replay-button.tsx";

const PAGE_ROWS = "20";
const ID_SHOWN = 13;

export function GroupItems({ group, deeds }: { readonly group: FailureGroup; readonly deeds: Deeds }) {
  const { t } = useTranslation("failures");
  const [all, setAll] = useState(false);
  const [after, setAfter] = useState<string>();
  const [picked, setPicked] = useState<readonly string[]>([]);
  const query = { limit: PAGE_ROWS, ...(all ? { all: "true" } : {}), ...(after === undefined ? {} : { after }) };
  const path = `/failure-groups/${group.id}/items`;
  const items = useQuery({
    queryKey: [path, query],
    queryFn: () => get<PageOf<FailureItem>>(path, query),
    placeholderData: (before) => before,
  });
  const messages = group.of === "messages";
  return (
    <Card
      size="small"
      title={t("group.items")}
      extra={
        <Flex gap="small" align="center" wrap>
          <Checkbox
            checked={all}
            onChange={(event) => {
              setAll(event.target.checked);
              setAfter(undefined);
            }}
          >
            {t("items.all")}
          </Checkbox>
          <ReplayButton
            small
            of={messages ? "messages" : "write-backs"}
            select={{ ids: picked }}
            label={t("items.replay", { n: picked.length })}
            deeds={deeds}
            why={picked.length === 0 ? t("items.pick") : undefined}
          />
        </Flex>
      }
    >
      <Problem error={items.error} />
      <Table<FailureItem>
        rowKey="id"
        size="small"
        dataSource={items.data?.items ?? []}
        loading={items.isPending}
        pagination={false}
        tableLayout="fixed"
        rowSelection={{
          selectedRowKeys: [...picked],
          onChange: (keys) => setPicked(keys.map(String)),
          preserveSelectedRowKeys: true,
          getCheckboxProps: ({ id }) => ({ "aria-label": t("item.select", { id }) }) as object,
          getTitleCheckboxProps: () => ({ "aria-label": t("item.select", { id: "" }) }) as object,
        }}
        columns={columnsOf(t, messages)}
      />
      <Flex justify="end" gap="small" style={{ marginTop: 8 }}>
        {after !== undefined && <Button onClick={() => setAfter(undefined)}>{t("first")}</Button>}
        {items.data?.after !== undefined && <Button onClick={() => setAfter(items.data?.after)}>{t("more")}</Button>}
      </Flex>
    </Card>
  );
}

function Why({ item }: { readonly item: FailureItem }) {
  const { code, text, parked } = item;
  return (
    <>
      {code !== undefined && <Typography.Text code>{code}</Typography.Text>} {text}
      {parked !== undefined && (
        <div>
          <Typography.Text type="secondary">{inLanguage(parked)}</Typography.Text>
        </div>
      )}
    </>
  );
}

const columnsOf = (t: (key: string) => string, messages: boolean) => [
  {
    title: t("item.id"),
    width: 150,
    render: (_: unknown, { id }: FailureItem) => (
      <Link to={`${messages ? "/messages" : "/write-backs"}/${id}`} title={id}>
        <Typography.Text code>{id.slice(-ID_SHOWN)}</Typography.Text>
      </Link>
    ),
  },
  { title: t("item.kind"), dataIndex: "kind", width: 140, ellipsis: true },
  {
    title: t("item.state"),
    width: 150,
    render: (_: unknown, { state, mayHaveTakenEffect }: FailureItem) => (
      <>
        <StateTag kind={messages ? "message" : "write-back"} state={state} />
        {mayHaveTakenEffect === true && state !== "acknowledged" && state !== "resolved" && (
          <Tooltip title={t("item.unclear.told")}>
            <Tag color="warning">{t("item.unclear")}</Tag>
          </Tooltip>
        )}
      </>
    ),
  },
  ...(messages
    ? []
    : [
        {
          title: t("item.amount"),
          width: 110,
          align: "right" as const,
          render: (_: unknown, { amount }: FailureItem) => <Fen value={amount} />,
        },
        { title: t("item.lane"), dataIndex: "lane", width: 150, ellipsis: true },
        { title: t("item.attempts"), dataIndex: "attempts", width: 70, align: "right" as const },
      ]),
  { title: t("item.why"), render: (_: unknown, item: FailureItem) => <Why item={item} /> },
  { title: t("item.at"), width: 100, render: (_: unknown, { at }: FailureItem) => <Moment at={at} /> },
];
