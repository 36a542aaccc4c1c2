/** One edited copy: exactly what is approved, by whom it may be, and what became of it. */
import { useQuery } from "@tanstack/react-query";
import { Alert, Card, Descriptions, Flex, Skeleton } from "antd";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";
import type { Edit } from "../../../../domain/operations/views-replay.ts";
import { get, post } from "../../api/client.ts";
import { useMay, useMe } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import { Copyable } from "../../parts/copyable.tsx";
import { DeedResult, type Deeds, useDeeds } from "../../parts/deed.tsx";
import { type DiffLine, DiffLines } from "../../parts/diff-lines.tsx";
import { Moment } from "../../parts/moment.tsx";
import { NotNow } from "../../parts/not-now.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { samePerson, shortId } from "../replays/model.ts";
import "../replays/texts.ts";
import "./texts.ts";

export default function Page() {
  const { id = "" } = useParams();
  const { t } = useTranslation("edits");
  const deeds = useDeeds(["/edits", "/approvals", "/write-backs"]);
  const path = `/edits/${id}`;
  const query = useQuery({ queryKey: [path], queryFn: () => get<Edit>(path), refetchInterval: 5_000 });
  const me = useMe();
  const edit = query.data;
  if (edit === undefined)
    return (
      <>
        <PageHead title={t("edit.title", { id: shortId(id) })} />
        {query.error === null ? <Skeleton active /> : <Problem error={query.error} />}
      </>
    );
  const open = edit.state === "proposed";
  return (
    <>
      <PageHead title={t("edit.title", { id: shortId(id) })} extra={open ? <Decide edit={edit} deeds={deeds} /> : undefined} />
      <DeedResult deeds={deeds} />
      {open && samePerson(me.name, edit.proposedBy) && (
        <Alert
          type="info"
          showIcon
          style={{ marginBottom: 12 }}
          title={
            <Flex gap="small" align="center" wrap>
              {t("edit.own")} <Copyable text={window.location.href} />
            </Flex>
          }
        />
      )}
      <Facts edit={edit} />
      <Card size="small" title={t("edit.diff")} style={{ marginTop: 12 }}>
        <DiffLines lines={(edit.diff ?? []) as readonly DiffLine[]} label={t("edit.diff")} />
      </Card>
    </>
  );
}

function Facts({ edit }: { readonly edit: Edit }) {
  const { t } = useTranslation("edits");
  const decided =
    edit.decidedBy === undefined
      ? []
      : [
          {
            key: "decided",
            label: t(`edit.state.${edit.state}`),
            span: 2,
            children: (
              <>
                {t("edit.decided", { by: edit.decidedBy, reason: edit.decisionReason ?? "" })} <Moment at={edit.decidedAt} />
                {edit.copyId !== undefined && (
                  <>
                    {" · "}
                    <Link to={`/write-backs/${edit.copyId}`}>{t("edit.copy")}</Link>
                  </>
                )}
              </>
            ),
          },
        ];
  return (
    <Descriptions
      size="small"
      bordered
      column={2}
      items={[
        { key: "of", label: t("edit.of"), children: <Link to={`/write-backs/${edit.writeBackId}`}>{shortId(edit.writeBackId)}</Link> },
        { key: "state", label: t("edit.checked"), children: t(edit.confirmedChecked ? "edit.yes" : "edit.no") },
        { key: "by", label: t("edit.by"), children: edit.proposedBy },
        { key: "at", label: t("edit.at"), children: <Moment at={edit.proposedAt} /> },
        { key: "reason", label: t("edit.reason"), span: 2, children: edit.reason },
        { key: "hash", label: t("edit.hash"), span: 2, children: <Copyable text={edit.hash} /> },
        ...decided,
      ]}
    />
  );
}

function Decide({ edit, deeds }: { readonly edit: Edit; readonly deeds: Deeds }) {
  const { t } = useTranslation("edits");
  const { t: r } = useTranslation("replays");
  const ask = useAskReason();
  const me = useMe();
  const [mayApprove, mayEdit] = [useMay("approve"), useMay("edit")];
  const own = samePerson(me.name, edit.proposedBy);
  const decide = async (what: "approve" | "withdraw"): Promise<void> => {
    const fields = <Alert type="warning" showIcon title={t(`${what}.told`)} style={{ marginBottom: 12 }} />;
    const reason = await ask({ title: t(`${what}.title`, { by: edit.proposedBy }), fields, danger: what === "approve", confirm: t(what) });
    if (reason === undefined) return;
    const body = what === "approve" ? { reason, hash: edit.hash } : { reason };
    await deeds.act(
      () => post<Edit>(`/edits/${edit.id}/${what}`, body),
      () => t(`${what}.done`),
    );
  };
  return (
    <>
      <NotNow
        type="primary"
        danger
        why={own ? r("approval.own.short") : mayApprove ? undefined : r("no.right.approve")}
        loading={deeds.busy}
        onClick={() => void decide("approve")}
      >
        {t("approve")}
      </NotNow>
      <NotNow why={mayEdit ? undefined : r("no.right.edit")} onClick={() => void decide("withdraw")}>
        {t("withdraw")}
      </NotNow>
    </>
  );
}
