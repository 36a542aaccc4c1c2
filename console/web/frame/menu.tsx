/** The pages this account may open: plain links, so that Tab, Enter and screen readers have nothing to learn. */
import {
  AlertOutlined,
  AuditOutlined,
  DashboardOutlined,
  FileSearchOutlined,
  RedoOutlined,
  SafetyCertificateOutlined,
  SendOutlined,
  SwapOutlined,
  TeamOutlined,
  WarningOutlined,
} from "@ant-design/icons";
import { Badge, theme } from "antd";
import { type ReactNode, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { NavLink } from "react-router";
import { useMe } from "../api/me.ts";
import { useLiveValue } from "../live/use-live.ts";
import type { LiveAlarms } from "../../../domain/live/views.ts";
import { PAGES } from "../pages.ts";
import { useWaitingApprovals } from "../pages/approvals/use-waiting.ts";

const ICONS: Readonly<Record<string, ReactNode>> = {
  now: <DashboardOutlined />,
  alarms: <AlertOutlined />,
  search: <FileSearchOutlined />,
  failures: <WarningOutlined />,
  replays: <RedoOutlined />,
  approvals: <SafetyCertificateOutlined />,
  destinations: <SendOutlined />,
  mappings: <SwapOutlined />,
  audit: <AuditOutlined />,
  accounts: <TeamOutlined />,
};

export function SideMenu({ narrow }: { readonly narrow: boolean }) {
  const { t } = useTranslation("frame");
  const { token } = theme.useToken();
  const me = useMe();
  const alarms = useLiveValue<LiveAlarms>("alarms");
  const waiting = useWaitingApprovals();
  const pages = useMemo(() => PAGES.filter(({ hidden, right }) => hidden !== true && me.rights.includes(right)), [me.rights]);

  return (
    <nav aria-label={t("menu.label")}>
      <ul style={{ listStyle: "none", margin: 0, padding: token.paddingXS }}>
        {pages.map(({ name, path }) => (
          <li key={name}>
            <NavLink
              to={path}
              end={path === "/"}
              title={narrow ? t(`menu.${name}`) : undefined}
              aria-label={t(`menu.${name}`)}
              style={({ isActive }) => ({
                display: "flex",
                alignItems: "center",
                gap: token.marginSM,
                padding: `${token.paddingXS}px ${token.paddingSM}px`,
                marginBottom: token.marginXXS,
                borderRadius: token.borderRadius,
                color: isActive ? token.colorPrimaryText : token.colorText,
                background: isActive ? token.colorPrimaryBg : "transparent",
                fontWeight: isActive ? token.fontWeightStrong : "normal",
                borderInlineStart: `3px solid ${isActive ? token.colorPrimary : "transparent"}`,
              })}
            >
              <span aria-hidden>{ICONS[name]}</span>
              {!narrow && <span style={{ flex: 1 }}>{t(`menu.${name}`)}</span>}
              {!narrow && name === "alarms" && alarms !== undefined && alarms.open > 0 && (
                <Badge
                  count={alarms.open}
                  color={alarms.page > 0 ? token.colorError : token.colorWarning}
                  title={t("menu.alarms.open", { n: alarms.open })}
                />
              )}
              {!narrow && name === "approvals" && waiting > 0 && (
                <Badge count={waiting} color={token.colorWarning} title={t("menu.approvals.waiting", { n: waiting })} />
              )}
            </NavLink>
          </li>
        ))}
      </ul>
    </nav>
  );
}
