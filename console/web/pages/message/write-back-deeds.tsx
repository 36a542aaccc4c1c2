/** What can be done with a write-back from here, by its state and one's rights. */
import { Alert, Checkbox, Flex, Input, Radio } from "antd";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import type { Done, WriteBackDetail } from "../../../../domain/operations/views.ts";
import { post } from "../../api/client.ts";
import { useMay } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import type { Deeds } from "../../parts/deed.tsx";
import { NotNow } from "../../parts/not-now.tsx";
import "./texts.ts";

/** States from which a person may have it parked (the engine refuses what has changed meanwhile). */
const PARKABLE: ReadonlySet<string> = new Set(["waiting", "deferred", "sending", "queued"]);

interface Asked {
  confirmedChecked: boolean;
  decision: "done-by-hand" | "cancelled";
  hisReceiptNo: string;
}

export function WriteBackDeeds({ detail, deeds }: { readonly detail: WriteBackDetail; readonly deeds: Deeds }) {
  const { t } = useTranslation("message");
  const ask = useAskReason();
  const navigate = useNavigate();
  const asked = useRef<Asked>({ confirmedChecked: false, decision: "done-by-hand", hisReceiptNo: "" });
  const may = { replay: useMay("replay"), resolve: useMay("resolve"), park: useMay("resolve"), edit: useMay("edit") };
  const { allowed, writeBack } = detail;
  const path = `/write-backs/${writeBack.id}`;
  const no = (right: boolean, possible: boolean): string | undefined => (!right ? t("no.right") : possible ? undefined : t("wb.no"));
  const done = ({ state, auditId }: Done) =>
    t("wb.done", { state: t(`parts:write-back.${state}`, { defaultValue: state }), audit: auditId });
  const checked = (
    <Checkbox
      onChange={(event) => {
        asked.current.confirmedChecked = event.target.checked;
      }}
    >
      {t("wb.checked")}
    </Checkbox>
  );
  const begin = (): void => {
    asked.current = { confirmedChecked: false, decision: "done-by-hand", hisReceiptNo: "" };
  };
  const replay = async (): Promise<void> => {
    begin();
    const told = <Alert type="info" showIcon title={t(allowed.replay === "ask" ? "wb.replay.ask" : "wb.replay.send")} />;
    const fields = (
      <Flex vertical gap="small" style={{ marginBottom: 12 }}>
        {told}
        {allowed.replay === "send" && checked}
      </Flex>
    );
    const reason = await ask({ title: t("wb.replay"), fields });
    if (reason === undefined) return;
    const { confirmedChecked } = asked.current;
    await deeds.act(() => post<Done>(`${path}/replay`, { reason, ...(confirmedChecked ? { confirmedChecked } : {}) }), done);
  };
  const park = async (): Promise<void> => {
    const reason = await ask({ title: t("wb.park.title"), confirm: t("wb.park"), danger: true });
    if (reason !== undefined) await deeds.act(() => post<Done>(`${path}/park`, { reason }), done);
  };
  const resolve = async (): Promise<void> => {
    begin();
    const fields = (
      <Flex vertical gap="small" style={{ marginBottom: 12 }}>
        <Radio.Group
          aria-label={t("wb.resolve.how")}
          defaultValue="done-by-hand"
          onChange={(event) => {
            asked.current.decision = event.target.value === "cancelled" ? "cancelled" : "done-by-hand";
          }}
          options={[
            { value: "done-by-hand", label: t("wb.resolve.done-by-hand"), disabled: !allowed.resolve },
            { value: "cancelled", label: t("wb.resolve.cancelled"), disabled: !allowed.cancel },
          ]}
        />
        <Input
          aria-label={t("wb.resolve.receipt")}
          placeholder={t("wb.resolve.receipt")}
          maxLength={500}
          onChange={(event) => {
            asked.current.hisReceiptNo = event.target.value;
          }}
        />
        {checked}
      </Flex>
    );
    const reason = await ask({ title: t("wb.resolve.title"), confirm: t("wb.resolve"), danger: true, fields });
    if (reason === undefined) return;
    const { decision, hisReceiptNo, confirmedChecked } = asked.current;
    const body = {
      reason,
      decision,
      ...(hisReceiptNo.trim() === "" ? {} : { hisReceiptNo: hisReceiptNo.trim() }),
      ...(confirmedChecked ? { confirmedChecked } : {}),
    };
    await deeds.act(() => post<Done>(`${path}/resolve`, body), done);
  };
  return (
    <>
      <NotNow type="primary" loading={deeds.busy} why={no(may.replay, allowed.replay !== "no")} onClick={() => void replay()}>
        {t("wb.replay")}
      </NotNow>
      <NotNow why={no(may.edit, writeBack.state === "parked")} onClick={() => void navigate(`${path}/edit`)}>
        {t("wb.edit")}
      </NotNow>
      <NotNow why={no(may.park, PARKABLE.has(writeBack.state))} onClick={() => void park()}>
        {t("wb.park")}
      </NotNow>
      <NotNow danger why={no(may.resolve, allowed.resolve || allowed.cancel)} onClick={() => void resolve()}>
        {t("wb.resolve")}
      </NotNow>
    </>
  );
}
