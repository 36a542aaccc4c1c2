/** The first administrator, by the one-time link. Its secret stands behind # (no server, log or referrer sees it) and is taken out of the address at once. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Flex, Form, Input, Typography } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import type { SignedIn } from "../../../../domain/access/views.ts";
import { LOGIN_MAX, NAME_MAX } from "../../../../domain/access/limits.ts";
import { post } from "../../api/client.ts";
import { Plain } from "../../frame/plain.tsx";
import { Problem } from "../../parts/problem.tsx";
import { NewPasswordFields } from "./new-password.tsx";
import "./texts.ts";

interface Given {
  readonly login: string;
  readonly name: string;
  readonly password: string;
}

export default function SetUpPage() {
  const { t } = useTranslation("signIn");
  const navigate = useNavigate();
  const client = useQueryClient();
  const [token] = useState(() => new URLSearchParams(window.location.hash.slice(1)).get("token") ?? "");
  useEffect(() => window.history.replaceState(window.history.state, "", "/setup"), []);
  const setUp = useMutation({
    mutationFn: ({ login, name, password }: Given) => post<SignedIn>("/setup", { token, login: login.trim(), name: name.trim(), password }),
    onSuccess: () => {
      client.clear();
      void navigate("/", { replace: true });
    },
  });
  return (
    <Plain title={t("setUp.title")}>
      <Flex vertical gap="middle">
        {token === "" ? (
          <Alert type="error" showIcon title={t("setUp.noToken")} description={t("setUp.noToken.next")} />
        ) : (
          <>
            <Typography.Text>{t("setUp.why")}</Typography.Text>
            <Problem error={setUp.error} />
            <Form<Given> layout="vertical" requiredMark={false} onFinish={(given) => setUp.mutate(given)}>
              <Form.Item name="login" label={t("login")} rules={[{ required: true, whitespace: true, message: t("required") }]}>
                <Input autoComplete="username" maxLength={LOGIN_MAX} autoFocus spellCheck={false} />
              </Form.Item>
              <Form.Item name="name" label={t("setUp.name")} rules={[{ required: true, whitespace: true, message: t("required") }]}>
                <Input autoComplete="name" maxLength={NAME_MAX} />
              </Form.Item>
              <NewPasswordFields />
              <Button type="primary" htmlType="submit" block loading={setUp.isPending}>
                {t("setUp.go")}
              </Button>
            </Form>
          </>
        )}
      </Flex>
    </Plain>
  );
}
