/** The items of a job, each with what became of it and a link to it. */
import { useQuery } from "@tanstack/react-query";
import { Button, Flex, Select, Table, Tag, Tooltip, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Page as PageOf } from "../../../../domain/operations/views.ts";
import type { ReplayItem, ReplayJob } from "../../../../domain/operations/views-replay.ts";
import { get } from "../../api/client.ts";
import { Moment } from "../../parts/moment.tsx";
import { Fen } from "../../parts/money.tsx";
import { Problem } from "../../parts/problem.tsx";
import { StateTag } from "../../parts/state-tag.tsx";
import { isStill, shortId } from "./model.ts";

const STATES = ["planned", "marked", "replayed", "done", "failed", "skipped", "refused", "cancelled"] as const;
const PAGE_ROWS = "25";
const REFRESH_MS = 2_000;

export function JobItems({ job }: { readonly job: ReplayJob }) {
  const { t } = useTranslation("replays");
  const { t: p } = useTranslation("parts");
  const [state, setState] = useState("");
  const [after, setAfter] = useState<string>();
  const path = `/replays/${job.id}/items`;
  const query = { limit: PAGE_ROWS, ...(state === "" ? {} : { state }), ...(after === undefined ? {} : { after }) };
  const items = useQuery({
    queryKey: [path, query],
    queryFn: () => get<PageOf<ReplayItem>>(path, query),
    refetchInterval: isStill(job.state) ? false : REFRESH_MS,
    placeholderData: (before) => before,
  });
  return (
    <>
      <Flex style={{ marginBottom: 8 }}>
        <Select
          aria-label={t("items.filter")}
          value={state}
          style={{ width: 180 }}
          onChange={(value) => {
            setState(value);
            setAfter(undefined);
          }}
          options={[{ value: "", label: t("items.every") }, ...STATES.map((one) => ({ value: one, label: p(`replay.${one}`) }))]}
        />
      </Flex>
      <Problem error={items.error} />
      <Table<ReplayItem>
        rowKey="n"
        size="small"
        pagination={false}
        dataSource={items.data?.items ?? []}
        loading={items.isPending}
        tableLayout="fixed"
        columns={columnsOf(t, job.of === "messages")}
      />
      <Flex justify="end" gap="small" style={{ marginTop: 8 }}>
        {after !== undefined && <Button onClick={() => setAfter(undefined)}>{t("first")}</Button>}
        {items.data?.after !== undefined && <Button onClick={() => setAfter(items.data?.after)}>{t("more")}</Button>}
      </Flex>
    </>
  );
}

const columnsOf = (t: (key: string) => string, messages: boolean) => [
  { title: t("items.n"), dataIndex: "n", width: 70, align: "right" as const },
  {
    title: t("items.target"),
    width: 160,
    render: (_: unknown, { target }: ReplayItem) => (
      <Link to={`${messages ? "/messages" : "/write-backs"}/${target}`} title={target}>
        <Typography.Text code>{shortId(target)}</Typography.Text>
      </Link>
    ),
  },
  {
    title: t("items.state"),
    width: 190,
    render: (_: unknown, { state, canary }: ReplayItem) => (
      <>
        <StateTag kind="replay" state={state} />
        {canary && <Tag>{t("items.canary")}</Tag>}
      </>
    ),
  },
  { title: t("items.how"), width: 110, render: (_: unknown, { how }: ReplayItem) => (how === undefined ? null : t(`items.how.${how}`)) },
  {
    title: t("items.code"),
    render: (_: unknown, { code }: ReplayItem) => (code === undefined ? null : <Typography.Text code>{code}</Typography.Text>),
  },
  ...(messages
    ? []
    : [
        {
          title: t("items.lane"),
          ellipsis: true,
          render: (_: unknown, { lane }: ReplayItem) => (
            <Tooltip title={lane}>
              <span>{lane}</span>
            </Tooltip>
          ),
        },
        {
          title: t("items.amount"),
          width: 120,
          align: "right" as const,
          render: (_: unknown, { amount }: ReplayItem) => <Fen value={amount} />,
        },
      ]),
  { title: t("items.at"), width: 110, render: (_: unknown, { at }: ReplayItem) => <Moment at={at} /> },
];
