/** Language and look: for this browser, kept in it. */
import { BulbOutlined, GlobalOutlined } from "@ant-design/icons";
import { Button, Dropdown } from "antd";
import { useTranslation } from "react-i18next";
import { languageNow, setLanguage } from "../texts/index.ts";
import { LOOKS, useLook } from "./theme.tsx";

export function Language() {
  const { t } = useTranslation("frame");
  const other = languageNow() === "en-US" ? "zh-CN" : "en-US";
  return (
    <Button type="text" icon={<GlobalOutlined aria-hidden />} onClick={() => setLanguage(other)} title={t("language.other")} lang={other}>
      {other === "en-US" ? "English" : "中文"}
    </Button>
  );
}

export function LookMenu() {
  const { t } = useTranslation("frame");
  const { look, choose } = useLook();
  const items = LOOKS.map((key) => ({ key, label: t(`look.${key}`) }));
  return (
    <Dropdown
      trigger={["click"]}
      menu={{ items, selectable: true, selectedKeys: [look], onClick: ({ key }) => choose(LOOKS.find((one) => one === key) ?? "system") }}
    >
      <Button
        type="text"
        icon={<BulbOutlined aria-hidden />}
        aria-label={t("look.label", { look: t(`look.${look}`) })}
        aria-haspopup="menu"
      />
    </Dropdown>
  );
}
