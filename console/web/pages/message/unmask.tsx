/** Personal data is hidden until somebody says why it is needed; what was shown is on record, and forgotten with the page. */
import { EyeInvisibleOutlined, EyeOutlined } from "@ant-design/icons";
import { Alert, Button, Tag } from "antd";
import { useTranslation } from "react-i18next";
import { May } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import "./texts.ts";

export interface UnmaskProps {
  readonly whole: boolean;
  readonly show: (reason: string) => void;
  readonly hide: () => void;
}

export function Unmask({ whole, show, hide }: UnmaskProps) {
  const { t } = useTranslation("message");
  const ask = useAskReason();
  const asked = async (): Promise<void> => {
    const fields = <Alert type="warning" showIcon title={t("unmask.told")} style={{ marginBottom: 12 }} />;
    const reason = await ask({ title: t("unmask.title"), fields });
    if (reason !== undefined) show(reason);
  };
  if (whole)
    return (
      <>
        <Tag color="warning">{t("unmasked.now")}</Tag>
        <Button icon={<EyeInvisibleOutlined aria-hidden />} onClick={hide}>
          {t("mask.again")}
        </Button>
      </>
    );
  return (
    <May right="unmask" otherwise={<Tag>{t("masked.now")}</Tag>}>
      <Button icon={<EyeOutlined aria-hidden />} onClick={() => void asked()}>
        {t("unmask")}
      </Button>
    </May>
  );
}
