/** What stands around every page: header, menu, and the page itself. */
import { Layout, Spin, theme } from "antd";
import { Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { Outlet, useLocation } from "react-router";
import { useLive } from "../live/use-live.ts";
import { ErrorBoundary } from "./error-boundary.tsx";
import { HEADER_HEIGHT, Header } from "./header.tsx";
import { SideMenu } from "./menu.tsx";

const MENU_WIDTH = 184;
const NARROW_WIDTH = 64;

export function Shell() {
  const { t } = useTranslation("frame");
  const { token } = theme.useToken();
  const { pathname } = useLocation();
  const [narrow, setNarrow] = useState(false);
  const live = useLive([]);

  return (
    <Layout style={{ minHeight: "100vh" }}>
      <a className="huiliu-skip" href="#page">
        {t("skip")}
      </a>
      <Header live={live} />
      <Layout hasSider>
        <Layout.Sider
          theme="light"
          width={MENU_WIDTH}
          collapsedWidth={NARROW_WIDTH}
          breakpoint="lg"
          collapsed={narrow}
          trigger={null}
          onBreakpoint={setNarrow}
          style={{
            borderInlineEnd: `1px solid ${token.colorBorderSecondary}`,
            position: "sticky",
            top: HEADER_HEIGHT,
            height: `calc(100vh - ${HEADER_HEIGHT}px)`,
            overflow: "auto",
          }}
        >
          <SideMenu narrow={narrow} />
        </Layout.Sider>
        <Layout.Content id="page" tabIndex={-1} style={{ padding: token.padding, minWidth: 0, outline: "none" }}>
          <ErrorBoundary place={pathname}>
            <Suspense fallback={<Spin description={t("loading")} />}>
              <Outlet />
            </Suspense>
          </ErrorBoundary>
        </Layout.Content>
      </Layout>
    </Layout>
  );
}
