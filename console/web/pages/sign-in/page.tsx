/** Signing in, step by step, at whatever address one came to. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Divider, Flex, Form, Input, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { SignedIn, SignInOptions } from "../../../../domain/access/views.ts";
import { CODE_MAX, LOGIN_MAX, PASSWORD_MAX } from "../../../../domain/access/limits.ts";
import { get, post } from "../../api/client.ts";
import { ME_KEY } from "../../api/me.ts";
import { Plain } from "../../frame/plain.tsx";
import { useSignOut } from "../../frame/sign-out.ts";
import { Problem } from "../../parts/problem.tsx";
import { Enrol } from "./enrol.tsx";
import { ChangePasswordForm } from "./new-password.tsx";
import "./texts.ts";

/** Asks again who is signed in: the gate shows the next step, or the page. */
function useNext(): () => void {
  const client = useQueryClient();
  return () => void client.invalidateQueries({ queryKey: ME_KEY });
}

function WithPassword() {
  const { t } = useTranslation("signIn");
  const next = useNext();
  const options = useQuery({ queryKey: ["/session/options"], queryFn: () => get<SignInOptions>("/session/options") });
  const signIn = useMutation({
    mutationFn: (given: { login: string; password: string }) => post<SignedIn>("/session", given),
    onSuccess: next,
  });
  const oidc = options.data?.oidc;
  return (
    <Flex vertical gap="middle">
      {options.data?.setUpNeeded === true && <Alert type="info" showIcon title={t("setUpNeeded")} description={t("setUpNeeded.next")} />}
      <Problem error={signIn.error ?? options.error} />
      {oidc !== undefined && (
        <>
          <Button href={oidc.path} block>
            {t("oidc", { label: oidc.label })}
          </Button>
          <Divider plain>{t("or")}</Divider>
        </>
      )}
      <Form<{ login: string; password: string }>
        layout="vertical"
        requiredMark={false}
        onFinish={({ login, password }) => signIn.mutate({ login: login.trim(), password })}
      >
        <Form.Item name="login" label={t("login")} rules={[{ required: true, whitespace: true, message: t("required") }]}>
          <Input autoComplete="username" maxLength={LOGIN_MAX} autoFocus spellCheck={false} />
        </Form.Item>
        <Form.Item name="password" label={t("password")} rules={[{ required: true, message: t("required") }]}>
          <Input.Password autoComplete="current-password" maxLength={PASSWORD_MAX} />
        </Form.Item>
        <Button type="primary" htmlType="submit" block loading={signIn.isPending}>
          {t("signIn")}
        </Button>
      </Form>
    </Flex>
  );
}

function SecondFactor() {
  const { t } = useTranslation("signIn");
  const next = useNext();
  const give = useMutation({ mutationFn: (code: string) => post<SignedIn>("/session/second-factor", { code }), onSuccess: next });
  return (
    <Flex vertical gap="middle">
      <Problem error={give.error} />
      <Form<{ code: string }> layout="vertical" requiredMark={false} onFinish={({ code }) => give.mutate(code.trim())}>
        <Form.Item
          name="code"
          label={t("factor.code")}
          extra={t("factor.help")}
          rules={[{ required: true, whitespace: true, message: t("required") }]}
        >
          <Input autoComplete="one-time-code" maxLength={CODE_MAX} autoFocus spellCheck={false} />
        </Form.Item>
        <Button type="primary" htmlType="submit" block loading={give.isPending}>
          {t("factor.go")}
        </Button>
      </Form>
    </Flex>
  );
}

function MustChange() {
  const { t } = useTranslation("signIn");
  const next = useNext();
  const change = useMutation({
    mutationFn: (given: { current: string; password: string }) => post<SignedIn>("/me/password", given),
    onSuccess: next,
  });
  return (
    <Flex vertical gap="middle">
      <Typography.Text>{t("change.why")}</Typography.Text>
      <Problem error={change.error} />
      <ChangePasswordForm busy={change.isPending} onChange={change.mutate} />
    </Flex>
  );
}

function MustEnrol() {
  const { t } = useTranslation("signIn");
  const next = useNext();
  return (
    <Flex vertical gap="middle">
      <Typography.Text>{t("enrol.why")}</Typography.Text>
      <Enrol onDone={next} />
    </Flex>
  );
}

const STEPS = {
  SECOND_FACTOR_REQUIRED: { title: "factor.title", Step: SecondFactor },
  PASSWORD_CHANGE_REQUIRED: { title: "change.title", Step: MustChange },
  TOTP_REQUIRED: { title: "enrol.title", Step: MustEnrol },
} as const;

/** `code`: what the engine said about who is signed in. */
export default function SignInPage({ code }: { readonly code: string }) {
  const { t } = useTranslation("signIn");
  const signOut = useSignOut();
  const step = code in STEPS ? STEPS[code as keyof typeof STEPS] : undefined;
  if (step === undefined)
    return (
      <Plain title={t("title")}>
        <WithPassword />
      </Plain>
    );
  return (
    <Plain title={t(step.title)}>
      <step.Step />
      <Divider />
      <Button type="link" style={{ padding: 0 }} onClick={() => void signOut()}>
        {t("other")}
      </Button>
    </Plain>
  );
}
