/** Replay jobs: what is under way, what was, and a way to make one by time or by ids. */
import { useQuery } from "@tanstack/react-query";
import { Button, Checkbox, Flex, Progress, Table, Tooltip, Typography } from "antd";
import { useState } from "react";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import type { Page as PageOf } from "../../../../domain/operations/views.ts";
import type { ReplayJob } from "../../../../domain/operations/views-replay.ts";
import { get } from "../../api/client.ts";
import { useMay } from "../../api/me.ts";
import { useLive } from "../../live/use-live.ts";
import { DeedResult, useDeeds } from "../../parts/deed.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Fen } from "../../parts/money.tsx";
import { NotNow } from "../../parts/not-now.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { StateTag } from "../../parts/state-tag.tsx";
import { isOver, progressOf } from "./model.ts";
import { NewReplay } from "./new-replay.tsx";
import { Selection } from "./selection.tsx";
import "./texts.ts";

const REFRESH_MS = 3_000;

export default function Page() {
  const { t } = useTranslation("replays");
  const [address, setAddress] = useSearchParams();
  const [making, setMaking] = useState(false);
  const may = useMay("replay");
  useLive(["status"]);
  const deeds = useDeeds(["/replays"]);
  const [open, after] = [address.get("open"), address.get("after")];
  const query = { ...(open === null ? {} : { open }), ...(after === null ? {} : { after }) };
  const jobs = useQuery({
    queryKey: ["/replays", query],
    queryFn: () => get<PageOf<ReplayJob>>("/replays", query),
    refetchInterval: REFRESH_MS,
    placeholderData: (before) => before,
  });
  const set = (name: string, value: string | undefined): void => {
    const next = new URLSearchParams(address);
    if (value === undefined) next.delete(name);
    else next.set(name, value);
    if (name !== "after") next.delete("after");
    setAddress(next);
  };
  return (
    <>
      <PageHead
        title={t("title")}
        extra={
          <>
            <Checkbox checked={open === "true"} onChange={(event) => set("open", event.target.checked ? "true" : undefined)}>
              {t("list.open")}
            </Checkbox>
            <NotNow type="primary" why={may ? undefined : t("no.right.replay")} onClick={() => setMaking(true)}>
              {t("list.new")}
            </NotNow>
          </>
        }
      />
      <DeedResult deeds={deeds} />
      <NewReplay open={making} close={() => setMaking(false)} deeds={deeds} />
      <Problem error={jobs.error} />
      <Table<ReplayJob>
        rowKey="id"
        size="small"
        dataSource={jobs.data?.items ?? []}
        loading={jobs.isPending}
        pagination={false}
        locale={{ emptyText: t("list.empty") }}
        tableLayout="fixed"
        columns={columnsOf(t)}
      />
      <Flex justify="end" gap="small" style={{ marginTop: 8 }}>
        {after !== null && <Button onClick={() => set("after", undefined)}>{t("first")}</Button>}
        {jobs.data?.after !== undefined && <Button onClick={() => set("after", jobs.data?.after)}>{t("more")}</Button>}
      </Flex>
    </>
  );
}

const columnsOf = (t: TFunction<"replays">) => [
  { title: t("col.state"), width: 140, render: (_: unknown, { state }: ReplayJob) => <StateTag kind="replay" state={state} /> },
  {
    title: t("col.what"),
    width: 230,
    render: (_: unknown, job: ReplayJob) => <Selection job={job} />,
  },
  {
    title: t("col.reason"),
    render: (_: unknown, { id, reason }: ReplayJob) => <Link to={`/replays/${id}`}>{reason}</Link>,
  },
  { title: t("col.by"), dataIndex: "requestedBy", width: 120, ellipsis: true },
  {
    title: t("preview.planned"),
    width: 130,
    align: "right" as const,
    render: (_: unknown, { preview, of }: ReplayJob) => (
      <>
        {preview.planned}
        {of === "write-backs" && (
          <div>
            <Fen value={preview.fen} />
          </div>
        )}
      </>
    ),
  },
  {
    title: t("col.progress"),
    width: 170,
    render: (_: unknown, job: ReplayJob) => {
      const { percent, done, failed, planned } = progressOf(job);
      if (job.progress === undefined)
        return isOver(job.state) ? null : <Typography.Text type="secondary">{t("progress.of", { n: 0, all: planned })}</Typography.Text>;
      return (
        <Tooltip title={t("progress.notAll", { done, failed })}>
          <Progress
            percent={percent}
            size="small"
            aria-label={t("col.progress")}
            status={failed > 0 ? "exception" : isOver(job.state) ? "normal" : "active"}
          />
        </Tooltip>
      );
    },
  },
  { title: t("col.created"), width: 130, render: (_: unknown, { createdAt }: ReplayJob) => <Moment at={createdAt} /> },
];
