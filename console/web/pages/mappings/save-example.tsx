/** “Make a test from this message”: without personal data, beside the mapping. */
import { Alert, Button, Flex, Input } from "antd";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import type { SavedExample } from "../../../../domain/operations/views-mappings.ts";
import { post } from "../../api/client.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import { DeedResult, useDeeds } from "../../parts/deed.tsx";

interface Props {
  readonly id: string;
  /** What it is made of: a message, a write-back, an event of a message. */
  readonly from: { readonly messageId?: string; readonly eventId?: string; readonly writeBackId?: string };
  /** Offered as its name. */
  readonly name: string;
  readonly changed: boolean;
}

export function SaveExample({ id, from, name: offered, changed }: Props) {
  const { t } = useTranslation("mappings");
  const ask = useAskReason();
  const deeds = useDeeds(["/mappings"]);
  const name = useRef("");
  const save = async (): Promise<void> => {
    name.current = offered;
    const reason = await ask({
      title: t("save.title", { id }),
      confirm: t("save"),
      fields: (
        <Flex vertical gap="small">
          <span>{t("save.what", { id })}</span>
          {changed && <Alert type="warning" showIcon title={t("save.changed")} />}
          <label htmlFor="example-name">{t("save.name")}</label>
          <Input
            id="example-name"
            defaultValue={name.current}
            onChange={({ target }) => {
              name.current = target.value.trim();
            }}
          />
        </Flex>
      ),
    });
    if (reason === undefined) return;
    await deeds.act(
      () => post<SavedExample>(`/mappings/${id}/examples`, { ...from, name: name.current, reason }),
      ({ folder, files }) => t("saved", { folder, files: files.join(", ") }),
    );
  };
  return (
    <Flex vertical gap="small">
      <Button size="small" loading={deeds.busy} onClick={() => void save()}>
        {t("save")}
      </Button>
      <DeedResult deeds={deeds} />
    </Flex>
  );
}
