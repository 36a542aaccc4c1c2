/** What can be done with a message from here: replay with its preview, close. The engine decides; what it would refuse says why. */
import { Alert, Flex, Tag } from "antd";
import { useTranslation } from "react-i18next";
import type { Done, MessageRow, Preview } from "../../../../domain/operations/views.ts";
import { post } from "../../api/client.ts";
import { useMay } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import type { Deeds } from "../../parts/deed.tsx";
import { NotNow } from "../../parts/not-now.tsx";
import { inLanguage } from "../../texts/index.ts";
import "./texts.ts";

const REPLAYABLE: ReadonlySet<string> = new Set(["settled", "duplicate", "parked"]);

export function MessageDeeds({ message, deeds }: { readonly message: MessageRow; readonly deeds: Deeds }) {
  const { t } = useTranslation("message");
  const ask = useAskReason();
  const [mayReplay, mayResolve] = [useMay("replay"), useMay("resolve")];
  const path = `/messages/${message.id}`;
  const replay = async (): Promise<void> => {
    const preview = await deeds.act(
      () => post<Preview>(`${path}/replay`, { preview: true }),
      () => undefined,
    );
    deeds.clear();
    if (preview === undefined) return;
    const reason = await ask({ title: t("replay.title"), confirm: t("replay"), fields: <PreviewOf preview={preview} /> });
    if (reason === undefined) return;
    await deeds.act(
      () => post<Done>(`${path}/replay`, { reason }),
      ({ auditId }) => t("replay.done", { audit: auditId }),
    );
  };
  const resolve = async (): Promise<void> => {
    const reason = await ask({ title: t("resolve.title"), confirm: t("resolve"), danger: true });
    if (reason === undefined) return;
    await deeds.act(
      () => post<Done>(`${path}/resolve`, { reason }),
      ({ auditId }) => t("resolve.done", { audit: auditId }),
    );
  };
  const no = (may: boolean, possible: boolean): string | undefined => (!may ? t("no.right") : possible ? undefined : t("wb.no"));
  return (
    <>
      <NotNow type="primary" loading={deeds.busy} why={no(mayReplay, REPLAYABLE.has(message.state))} onClick={() => void replay()}>
        {t("replay")}
      </NotNow>
      <NotNow danger why={no(mayResolve, message.state === "parked")} onClick={() => void resolve()}>
        {t("resolve")}
      </NotNow>
    </>
  );
}

/** What would come of it, before it is done. */
function PreviewOf({ preview }: { readonly preview: Preview }) {
  const { t } = useTranslation("message");
  const { events, gone, problems, mapping } = preview;
  const nothing = events.length === 0 && problems.length === 0;
  return (
    <Flex vertical gap="small" style={{ marginBottom: 12 }} data-testid="preview">
      <span>{t("preview.told", { mapping: mapping ?? "" })}</span>
      {problems.length > 0 && (
        <Alert
          type="error"
          showIcon
          title={t("preview.problems")}
          description={
            <ul style={{ margin: 0, paddingLeft: 16 }}>
              {problems.slice(0, 20).map((one) => (
                <li key={`${one.at} ${one.code}`}>{inLanguage(one)}</li>
              ))}
            </ul>
          }
        />
      )}
      {nothing && <Alert type="warning" showIcon title={t("preview.none")} />}
      {events.map((event) => (
        <div key={event.id}>
          <Tag color={!event.stored ? "processing" : event.changed.length > 0 ? "warning" : "default"}>{event.type}</Tag>
          {!event.stored
            ? t("preview.new")
            : event.changed.length === 0
              ? t("preview.same")
              : t("preview.changed", { paths: event.changed.slice(0, 12).join(", ") })}
        </div>
      ))}
      {gone.map((event) => (
        <div key={event.id}>{t("preview.gone", { type: event.type })}</div>
      ))}
    </Flex>
  );
}
