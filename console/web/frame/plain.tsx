import { Card, Flex, Layout, theme, Typography } from "antd";
import { type ReactNode, useEffect } from "react";
import { Language, LookMenu } from "./choices.tsx";

/** A page without the frame: before the sign-in. */
export function Plain({ title, children, width = 420 }: { readonly title: string; readonly children: ReactNode; readonly width?: number }) {
  const { token } = theme.useToken();
  useEffect(() => {
    document.title = `${title} · 汇流 Huiliu`;
  }, [title]);
  return (
    <Layout style={{ minHeight: "100vh" }}>
      <Flex component="main" vertical align="center" style={{ padding: `${token.paddingXL}px ${token.padding}px`, gap: token.margin }}>
        <Flex justify="space-between" align="center" style={{ width: "100%", maxWidth: width }}>
          <Typography.Text strong style={{ fontSize: token.fontSizeHeading4 }}>
            汇流 Huiliu
          </Typography.Text>
          <Flex>
            <Language />
            <LookMenu />
          </Flex>
        </Flex>
        <Card style={{ width: "100%", maxWidth: width }}>
          <Typography.Title level={1} style={{ fontSize: 20, marginTop: 0 }}>
            {title}
          </Typography.Title>
          {children}
        </Card>
      </Flex>
    </Layout>
  );
}
