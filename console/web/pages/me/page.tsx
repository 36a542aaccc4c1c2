/** One's own account: who I am here, password, second factor, sessions. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, App, Button, Card, Descriptions, Flex, Form, Input, Table, Tag } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { CODE_MAX, PASSWORD_MAX } from "../../../../domain/access/limits.ts";
import type { Ended, SessionList, SessionView, SignedIn } from "../../../../domain/access/views.ts";
import { get, post } from "../../api/client.ts";
import { ME_KEY, useMe } from "../../api/me.ts";
import { Moment } from "../../parts/moment.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { inLanguage } from "../../texts/index.ts";
import { Enrol } from "../sign-in/enrol.tsx";
import { ChangePasswordForm } from "../sign-in/new-password.tsx";
import "./texts.ts";

function Tags({ names }: { readonly names: readonly string[] }) {
  return (
    <Flex gap={4} wrap>
      {names.map((name) => (
        <Tag key={name}>{name}</Tag>
      ))}
    </Flex>
  );
}

function Who() {
  const { t } = useTranslation("me");
  const { t: frame } = useTranslation("frame");
  const me = useMe();
  const items = [
    { key: "login", label: t("login"), children: me.login },
    { key: "name", label: t("name"), children: me.name },
    { key: "roles", label: t("roles"), children: <Tags names={me.roles.map((role) => frame(`role.${role}`))} /> },
    {
      key: "partners",
      label: t("partners"),
      children: me.partners === "*" ? t("partners.all") : me.partners.join(inLanguage({ zh: "、", en: ", " })),
    },
    { key: "idle", label: t("idle"), children: me.idleMinutes === undefined ? "" : t("idle.minutes", { n: me.idleMinutes }) },
    { key: "ends", label: t("ends"), children: <Moment at={me.endsAt} /> },
    { key: "rights", label: t("rights"), span: 2, children: <Tags names={me.rights.map((right) => frame(`right.${right}`))} /> },
  ];
  return (
    <Card title={t("who")}>
      <Descriptions column={2} items={items} />
    </Card>
  );
}

function Password() {
  const { t } = useTranslation("me");
  const { message } = App.useApp();
  const client = useQueryClient();
  const [round, setRound] = useState(0);
  const change = useMutation({
    mutationFn: (given: { current: string; password: string }) => post<SignedIn>("/me/password", given),
    onSuccess: () => {
      void message.success(t("password.done"));
      setRound(round + 1);
      void client.invalidateQueries({ queryKey: ["/me/sessions"] });
    },
  });
  return (
    <Card title={t("password")}>
      <Flex vertical gap="middle">
        <Problem error={change.error} />
        <ChangePasswordForm key={round} busy={change.isPending} onChange={change.mutate} />
      </Flex>
    </Card>
  );
}

function EndFactor({ onDone }: { onDone(): void }) {
  const { t } = useTranslation("me");
  const end = useMutation({
    mutationFn: (given: { password: string; code: string }) => post<SignedIn>("/me/totp-end", given),
    onSuccess: onDone,
  });
  return (
    <Form<{ password: string; code: string }>
      layout="vertical"
      requiredMark={false}
      onFinish={({ password, code }) => end.mutate({ password, code: code.trim() })}
    >
      <Problem error={end.error} />
      <Form.Item name="password" label={t("totp.password")} rules={[{ required: true, message: t("required") }]}>
        <Input.Password autoComplete="current-password" maxLength={PASSWORD_MAX} />
      </Form.Item>
      <Form.Item name="code" label={t("totp.code")} rules={[{ required: true, whitespace: true, message: t("required") }]}>
        <Input autoComplete="one-time-code" maxLength={CODE_MAX} />
      </Form.Item>
      <Button danger htmlType="submit" loading={end.isPending}>
        {t("totp.end")}
      </Button>
    </Form>
  );
}

function SecondFactor() {
  const { t } = useTranslation("me");
  const me = useMe();
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const done = (): void => {
    setOpen(false);
    void client.invalidateQueries({ queryKey: ME_KEY });
  };
  const body = (): React.ReactNode => {
    if (!open)
      return me.totp && me.totpRequired ? (
        t("totp.kept")
      ) : (
        <Button onClick={() => setOpen(true)} danger={me.totp}>
          {me.totp ? t("totp.end") : t("totp.start")}
        </Button>
      );
    return me.totp ? <EndFactor onDone={done} /> : <Enrol onDone={done} />;
  };
  return (
    <Card title={t("totp")} extra={<Tag color={me.totp ? "success" : "default"}>{me.totp ? t("totp.on") : t("totp.off")}</Tag>}>
      {body()}
    </Card>
  );
}

function Sessions() {
  const { t } = useTranslation("me");
  const client = useQueryClient();
  const sessions = useQuery({ queryKey: ["/me/sessions"], queryFn: () => get<SessionList>("/me/sessions") });
  const end = useMutation({
    mutationFn: (id: string) => post<Ended>(`/me/sessions/${id}/end`, {}),
    onSettled: () => client.invalidateQueries({ queryKey: ["/me/sessions"] }),
  });
  return (
    <Card title={t("sessions")}>
      <Problem error={end.error ?? sessions.error} />
      <Table<SessionView>
        rowKey="id"
        size="small"
        pagination={false}
        loading={sessions.isPending}
        dataSource={sessions.data?.items ?? []}
        columns={[
          { title: t("sessions.address"), dataIndex: "address" },
          { title: t("sessions.agent"), dataIndex: "agent", ellipsis: true },
          { title: t("sessions.since"), dataIndex: "createdAt", render: (at: string) => <Moment at={at} /> },
          { title: t("sessions.seen"), dataIndex: "seenAt", render: (at: string) => <Moment at={at} /> },
          {
            title: t("sessions.end"),
            key: "end",
            render: (_value, row) =>
              row.current ? (
                <Tag>{t("sessions.current")}</Tag>
              ) : (
                <Button size="small" onClick={() => end.mutate(row.id)} aria-label={t("sessions.endOf", { address: row.address })}>
                  {t("sessions.end")}
                </Button>
              ),
          },
        ]}
      />
    </Card>
  );
}

export default function OwnAccountPage() {
  const { t } = useTranslation("me");
  const { external } = useMe();
  return (
    <>
      <PageHead title={t("title")} />
      <Flex vertical gap="middle">
        <Who />
        {external ? (
          <Alert type="info" showIcon title={t("external")} />
        ) : (
          <div style={{ display: "grid", gridTemplateColumns: "repeat(auto-fit, minmax(340px, 1fr))", gap: 16 }}>
            <Password />
            <SecondFactor />
          </div>
        )}
        <Sessions />
      </Flex>
    </>
  );
}
