/** Lets in whoever has signed in; to everybody else it shows the step that is missing, at the address where he is. */
import { Button, Flex, Spin } from "antd";
import { Suspense } from "react";
import { useTranslation } from "react-i18next";
import { Outlet } from "react-router";
import { ApiProblem } from "../api/client.ts";
import { useMeQuery } from "../api/me.ts";
import { SignIn } from "../own-pages.ts";
import { Problem } from "../parts/problem.tsx";
import { Idle } from "./idle.tsx";
import { Plain } from "./plain.tsx";

export function Gate() {
  const { t } = useTranslation("frame");
  const me = useMeQuery();
  if (me.data !== undefined)
    return (
      <>
        <Idle minutes={me.data.idleMinutes} />
        <Outlet />
      </>
    );
  if (me.isPending) return <Spin size="large" fullscreen description={t("loading")} />;
  if (me.error instanceof ApiProblem && me.error.status === 401)
    return (
      <Suspense>
        <SignIn code={me.error.error.code} />
      </Suspense>
    );
  return (
    <Plain title={t("gate.failed")}>
      <Flex vertical gap="middle" align="start">
        <Problem error={me.error} />
        <Button onClick={() => void me.refetch()}>{t("again")}</Button>
      </Flex>
    </Plain>
  );
}
