/** Whatever waits for a second person, in one list. */
import { Alert, Flex, Table, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { WaitingApproval } from "../../../../domain/operations/views-replay.ts";
import { useMe } from "../../api/me.ts";
import { useLive } from "../../live/use-live.ts";
import { Copyable } from "../../parts/copyable.tsx";
import { AgeSince } from "../../parts/moment.tsx";
import { Fen } from "../../parts/money.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { useReplayTerms } from "../failures/replay-button.tsx";
import { samePerson } from "../replays/model.ts";
import { needWords } from "../replays/need-words.ts";
import { useApprovals } from "./use-waiting.ts";
import "../replays/texts.ts";
import "./texts.ts";

const pathOf = ({ kind, id }: WaitingApproval): string => (kind === "edit" ? `/edits/${id}` : `/replays/${id}`);

export default function Page() {
  const { t } = useTranslation("approvals");
  const { t: r } = useTranslation("replays");
  useLive(["status"]);
  const waiting = useApprovals();
  const limits = useReplayTerms().data?.approval;
  const me = useMe();
  return (
    <>
      <PageHead title={t("title")} />
      <Alert type="info" showIcon title={t("told")} style={{ marginBottom: 12 }} />
      <Problem error={waiting.error} />
      <Table<WaitingApproval>
        rowKey="id"
        size="small"
        pagination={false}
        loading={waiting.isPending}
        dataSource={[...(waiting.data?.items ?? [])]}
        locale={{ emptyText: t("empty") }}
        columns={[
          { title: t("col.kind"), width: 130, render: (_, { kind }) => t(`kind.${kind}`) },
          { title: t("col.reason"), render: (_, row) => <Link to={pathOf(row)}>{row.reason}</Link> },
          { title: t("col.by"), dataIndex: "requestedBy", width: 130 },
          {
            title: t("col.amount"),
            width: 150,
            render: (_, { planned, fen, of }) =>
              planned === undefined ? null : (
                <>
                  {t("items", { n: planned })} {of === "write-backs" && <Fen value={fen} />}
                </>
              ),
          },
          {
            title: t("col.why"),
            width: 200,
            render: (_, { kind, needed }) => (kind === "edit" ? t("why.edit") : needWords(r, needed ?? [], limits)),
          },
          { title: t("col.waiting"), width: 110, render: (_, { at }) => <AgeSince at={at} /> },
          {
            title: t("col.do"),
            width: 220,
            render: (_, row) => (
              <Flex gap="small" align="center" wrap>
                {samePerson(me.name, row.requestedBy) ? (
                  <>
                    <Typography.Text type="secondary">{t("own")}</Typography.Text>
                    <Copyable text={new URL(pathOf(row), window.location.origin).href} shown={t("link")} />
                  </>
                ) : (
                  <Link to={pathOf(row)}>{t("open")}</Link>
                )}
              </Flex>
            ),
          },
        ]}
      />
    </>
  );
}
