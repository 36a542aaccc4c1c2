/** Edit-and-replay of one write-back: the original in full (audited), the copy beside it, the difference as it is typed, then a second person. */
import { useQuery } from "@tanstack/react-query";
import { Alert, Card, Checkbox, Flex, Input, Skeleton } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate, useParams } from "react-router";
import type { WriteBackDetail } from "../../../../domain/operations/views.ts";
import type { Edit } from "../../../../domain/operations/views-replay.ts";
import { diffOf } from "../../../../domain/replay/edit.ts";
import { get, post } from "../../api/client.ts";
import { useMay } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import { DeedResult, useDeeds } from "../../parts/deed.tsx";
import { DiffLines } from "../../parts/diff-lines.tsx";
import { NotNow } from "../../parts/not-now.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { useReplayTerms } from "../failures/replay-button.tsx";
import "../replays/texts.ts";
import "./texts.ts";

export default function Page() {
  const { id = "" } = useParams();
  const { t } = useTranslation("edits");
  const terms = useReplayTerms();
  const path = `/write-backs/${id}`;
  const masked = useQuery({ queryKey: [path], queryFn: () => get<WriteBackDetail>(path) });
  if (terms.data === undefined || masked.data === undefined)
    return (
      <>
        <PageHead title={t("new.title")} />
        <Problem error={terms.error ?? masked.error} />
        {terms.error === null && masked.error === null && <Skeleton active />}
      </>
    );
  return (
    <>
      <PageHead title={t("new.title")} />
      {terms.data.editAndReplay ? <Editor id={id} detail={masked.data} /> : <Alert type="info" showIcon title={t("new.off")} />}
    </>
  );
}

function Editor({ id, detail }: { readonly id: string; readonly detail: WriteBackDetail }) {
  const { t } = useTranslation("edits");
  const { t: r } = useTranslation("replays");
  const ask = useAskReason();
  const navigate = useNavigate();
  const deeds = useDeeds(["/write-backs", "/approvals"]);
  const [mayUnmask, mayEdit] = [useMay("unmask"), useMay("edit")];
  const [original, setOriginal] = useState<string>();
  const [body, setBody] = useState("");
  const [checked, setChecked] = useState(false);
  const lines = useMemo(() => (original === undefined ? [] : diffOf(original, body)), [original, body]);
  const differing = lines.filter(({ op }) => op !== "same").length;
  const doubt = detail.writeBack.mayHaveTakenEffect;

  const load = async (): Promise<void> => {
    const fields = <Alert type="warning" showIcon title={t("new.load.told")} style={{ marginBottom: 12 }} />;
    const reason = await ask({ title: t("new.load.title"), fields });
    if (reason === undefined) return;
    const whole = await deeds.act(
      () => get<WriteBackDetail>(`/write-backs/${id}`, { unmask: "true", reason }),
      () => t("new.load.title"),
    );
    if (whole?.body?.text === undefined) return;
    setOriginal(whole.body.text);
    setBody(whole.body.text);
  };
  const propose = async (): Promise<void> => {
    const reason = await ask({ title: t("new.propose.title", { n: differing }), confirm: t("new.propose").replace("…", "") });
    if (reason === undefined) return;
    const made = await deeds.act(
      () => post<Edit>(`/write-backs/${id}/edits`, { text: body, reason, ...(checked ? { confirmedChecked: true } : {}) }),
      () => t("new.done"),
    );
    if (made !== undefined) navigate(`/edits/${made.id}`);
  };
  const why = !mayEdit ? r("no.right.edit") : differing === 0 ? t("new.same") : doubt && !checked ? t("new.needChecked") : undefined;
  const gone = detail.body === undefined;
  return (
    <Flex vertical gap="small">
      <Alert type="info" showIcon title={t("new.told")} />
      {doubt && <Alert type="error" showIcon title={t("new.mayHaveTakenEffect")} />}
      <DeedResult deeds={deeds} />
      {original === undefined ? (
        <div>
          <NotNow type="primary" why={gone ? t("new.gone") : mayUnmask ? undefined : t("new.no.right.unmask")} onClick={() => void load()}>
            {t("new.load")}
          </NotNow>
        </div>
      ) : (
        <>
          <Input.TextArea
            aria-label={t("new.body")}
            value={body}
            onChange={(event) => setBody(event.target.value)}
            rows={12}
            style={{ fontFamily: "monospace" }}
          />
          <Card size="small" title={t("new.diff")}>
            <DiffLines lines={lines} label={t("new.diff")} />
          </Card>
          <Checkbox checked={checked} onChange={(event) => setChecked(event.target.checked)}>
            {t("new.checked")}
          </Checkbox>
          <div>
            <NotNow type="primary" why={why} loading={deeds.busy} onClick={() => void propose()}>
              {t("new.propose")}
            </NotNow>
          </div>
        </>
      )}
    </Flex>
  );
}
