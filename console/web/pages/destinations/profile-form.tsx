/** The form of a profile, made from its schema; every problem stands at its field. */
import { Alert, Col, Form, Input, InputNumber, Row, Select } from "antd";
import { useTranslation } from "react-i18next";
import { inLanguage } from "../../texts/index.ts";
import { type Field, valueAt, withValue } from "./fields.ts";

type Draft = Readonly<Record<string, unknown>>;
interface Told {
  readonly zh: string;
  readonly en: string;
}

export interface ProfileFormProps {
  readonly fields: readonly Field[];
  readonly draft: Draft;
  readonly change: (draft: Draft) => void;
  readonly problems: ReadonlyMap<string, readonly Told[]>;
  readonly readOnly: boolean;
}

const idOf = (field: Field): string => `profile-${field.name.replaceAll(".", "-")}`;

export function ProfileForm({ fields, draft, change, problems, readOnly }: ProfileFormProps) {
  const { t } = useTranslation("destinations");
  const own = fields.filter(({ kind }) => kind !== "other");
  const others = fields.filter(({ kind }) => kind === "other");
  const set = (at: string, value: unknown): void => change(withValue(draft, at, value === null || value === "" ? undefined : value));
  return (
    <Form layout="vertical" disabled={readOnly}>
      <Row gutter={16}>
        {own.map((field) => {
          const told = problems.get(field.at);
          return (
            <Col key={field.at} xs={24} md={12} xl={8}>
              <Form.Item
                label={field.name}
                htmlFor={idOf(field)}
                required={field.required}
                validateStatus={told === undefined ? "" : "error"}
                help={told?.map(inLanguage).join(" · ")}
                extra={field.help === undefined ? undefined : inLanguage(field.help)}
              >
                <One field={field} value={valueAt(draft, field.at)} set={(value) => set(field.at, value)} none={t("profile.remove")} />
              </Form.Item>
            </Col>
          );
        })}
      </Row>
      <Alert type="info" title={t("profile.other", { names: others.map(({ name }) => name).join(", ") })} />
      {others
        .filter(({ at }) => problems.has(at))
        .map(({ at, name }) => (
          <Alert key={at} type="error" title={`${name}: ${(problems.get(at) ?? []).map(inLanguage).join(" · ")}`} />
        ))}
    </Form>
  );
}

interface OneProps {
  readonly field: Field;
  readonly value: unknown;
  readonly set: (value: unknown) => void;
  readonly none: string;
}

function One({ field, value, set, none }: OneProps) {
  const id = idOf(field);
  switch (field.kind) {
    case "number":
      return (
        <InputNumber<number>
          id={id}
          style={{ width: "100%" }}
          value={typeof value === "number" ? value : null}
          placeholder={none}
          {...(field.whole ? { precision: 0 } : {})}
          onChange={set}
        />
      );
    case "choice":
      return (
        <Select
          id={id}
          {...(typeof value === "string" ? { value } : {})}
          placeholder={none}
          allowClear={!field.required}
          options={field.values.map((one) => ({ value: one, label: one }))}
          onChange={(next: string | undefined) => set(next)}
        />
      );
    case "text":
      return (
        <Input id={id} value={typeof value === "string" ? value : ""} placeholder={none} onChange={(event) => set(event.target.value)} />
      );
    default:
      return null;
  }
}
