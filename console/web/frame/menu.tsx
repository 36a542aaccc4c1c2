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
import { theme } from "antd";
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

interface CountProps {
  readonly n: number;
  readonly title: string;
  readonly bad: boolean;
}

/** Beside a name, and part of what is read out: "告警 3". */
function Count({ n, title, bad }: CountProps) {
  const { token } = theme.useToken();
  const [ground, edge] = bad ? [token.colorErrorBg, token.colorError] : [token.colorWarningBg, token.colorWarning];
  return (
    <span
      title={title}
      style={{
        minWidth: 20,
        padding: "0 6px",
        textAlign: "center",
        fontSize: token.fontSizeSM,
        color: token.colorText,
        background: ground,
        border: `1px solid ${edge}`,
        borderRadius: 10,
      }}
    >
      {n}
    </span>
  );
}

export function SideMenu({ narrow }: { readonly narrow: boolean }) {
  const { t } = useTranslation("frame");
  const { token } = theme.useToken();
  const me = useMe();
  const alarms = useLiveValue<LiveAlarms>("alarms");
  const waiting = useWaitingApprovals();
  const counts: Readonly<Record<string, CountProps | undefined>> = {
    alarms:
      alarms === undefined || alarms.open === 0
        ? undefined
        : { n: alarms.open, title: t("menu.alarms.open", { n: alarms.open }), bad: alarms.page > 0 },
    approvals: waiting === 0 ? undefined : { n: waiting, title: t("menu.approvals.waiting", { n: waiting }), bad: false },
  };
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
              aria-label={narrow ? t(`menu.${name}`) : undefined}
              style={({ isActive }) => ({
                display: "flex",
                alignItems: "center",
                gap: token.marginSM,
                padding: `${token.paddingXS}px ${token.paddingSM}px`,
                marginBottom: token.marginXXS,
                borderRadius: token.borderRadius,
                color: token.colorText,
                background: isActive ? token.colorPrimaryBg : "transparent",
                fontWeight: isActive ? token.fontWeightStrong : "normal",
                borderInlineStart: `3px solid ${isActive ? token.colorPrimary : "transparent"}`,
              })}
            >
              <span aria-hidden>{ICONS[name]}</span>
              {!narrow && <span style={{ flex: 1 }}>{t(`menu.${name}`)}</span>}
              {!narrow && counts[name] !== undefined && <Count {...counts[name]} />}
            </NavLink>
          </li>
        ))}
      </ul>
    </nav>
  );
}
