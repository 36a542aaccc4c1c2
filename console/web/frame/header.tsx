import { EditOutlined, UserOutlined } from "@ant-design/icons";
import { Badge, Button, Dropdown, Flex, Layout, Tag, Tooltip, theme } from "antd";
import { useTranslation } from "react-i18next";
import { Link, useNavigate } from "react-router";
import { useAbout } from "../api/about.ts";
import { useMay, useMe } from "../api/me.ts";
import type { LiveState } from "../live/use-live.ts";
import { Language, LookMenu } from "./choices.tsx";
import { SearchBox } from "./search-box.tsx";
import { useSignOut } from "./sign-out.ts";

export const HEADER_HEIGHT = 56;
const LIVE_BADGE = { live: "success", connecting: "processing", lost: "error" } as const;

/** Whether what is on the screen is what is so: shape and word, not colour alone. */
function LiveSign({ live }: { readonly live: LiveState }) {
  const { t } = useTranslation("frame");
  return (
    <Tooltip title={t(`live.${live}.help`)}>
      <span role="status" data-live={live} style={{ whiteSpace: "nowrap" }}>
        <Badge status={LIVE_BADGE[live]} text={t(`live.${live}`)} />
      </span>
    </Tooltip>
  );
}

function AccountMenu() {
  const { t } = useTranslation("frame");
  const me = useMe();
  const navigate = useNavigate();
  const signOut = useSignOut();
  const items = [
    { key: "me", label: t("account.me") },
    { key: "out", label: t("account.out") },
  ];
  return (
    <Dropdown trigger={["click"]} menu={{ items, onClick: ({ key }) => (key === "me" ? void navigate("/me") : void signOut()) }}>
      <Button type="text" icon={<UserOutlined aria-hidden />} aria-label={t("account.label", { name: me.name })} aria-haspopup="menu">
        {me.name}
      </Button>
    </Dropdown>
  );
}

export function Header({ live }: { readonly live: LiveState }) {
  const { t } = useTranslation("frame");
  const { token } = theme.useToken();
  const about = useAbout();
  const mayDeploy = useMay("deploy");
  return (
    <Layout.Header
      style={{
        position: "sticky",
        top: 0,
        zIndex: 10,
        height: HEADER_HEIGHT,
        lineHeight: "normal",
        padding: `0 ${token.padding}px`,
        background: token.colorBgContainer,
        borderBottom: `1px solid ${token.colorBorderSecondary}`,
      }}
    >
      <Flex align="center" gap="middle" style={{ height: "100%" }}>
        <Link
          to="/"
          style={{ color: token.colorText, fontSize: token.fontSizeLG, fontWeight: token.fontWeightStrong, whiteSpace: "nowrap" }}
        >
          汇流 Huiliu
        </Link>
        {about !== undefined && (
          <span style={{ whiteSpace: "nowrap", overflow: "hidden", textOverflow: "ellipsis", maxWidth: 220 }}>
            {about.hospital} <Tag color={about.profile === "production" ? "error" : "default"}>{t(`profile.${about.profile}`)}</Tag>
          </span>
        )}
        <SearchBox />
        <Flex align="center" gap={4} style={{ marginInlineStart: "auto" }}>
          <LiveSign live={live} />
          {about?.editor !== undefined && mayDeploy && (
            <Button type="text" icon={<EditOutlined aria-hidden />} href={about.editor} target="_blank" rel="noreferrer">
              {t("editor")}
            </Button>
          )}
          <Language />
          <LookMenu />
          <AccountMenu />
        </Flex>
      </Flex>
    </Layout.Header>
  );
}
