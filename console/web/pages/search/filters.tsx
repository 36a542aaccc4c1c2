/** One box for any key, and what narrows a search. */
import { SearchOutlined } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { AutoComplete, Button, DatePicker, Flex, Input, Segmented, Select, Space, Typography } from "antd";
import type { TextAreaRef } from "antd/es/input/TextArea";
import dayjs from "dayjs";
import { type RefObject, useState } from "react";
import { useTranslation } from "react-i18next";
import type { PartnerView } from "../../../../domain/operations/views.ts";
import { get } from "../../api/client.ts";
import { type Filter, FILTERS, KEYS_MAX, keysOf, type Search, SPANS, type Span } from "./address.ts";
import "./texts.ts";

const STATES = ["received", "settled", "parked", "duplicate", "awaiting-part", "resolved"] as const;

export interface FiltersProps {
  readonly search: Search;
  readonly onChange: (next: Search) => void;
  readonly box: RefObject<TextAreaRef | null>;
  /** What the page shows has these: offered where they are typed. */
  readonly seen: Readonly<Record<"kind" | "flow", readonly string[]>>;
}

/** Lines of a pasted list that are shown at once. */
const ROWS_MAX = 6;

/** Without the cursor: another search begins at its first page. */
const fresh = ({ after: _, ...search }: Search): Search => search;

export function Filters({ search, onChange, box, seen }: FiltersProps) {
  const { t } = useTranslation("search");
  const partners = useQuery({
    queryKey: ["/partners"],
    queryFn: () => get<{ items: readonly PartnerView[] }>("/partners"),
    staleTime: 60_000,
  });
  const set = (name: Filter, value: string | undefined): void => {
    const { [name]: _, ...rest } = search.filters;
    onChange(fresh({ ...search, filters: value === undefined || value === "" ? rest : { ...rest, [name]: value } }));
  };
  const typed = (name: "kind" | "flow") => (
    <AutoComplete
      key={`${name} ${search.filters[name] ?? ""}`}
      aria-label={t(`filter.${name}`)}
      placeholder={t(`filter.${name}`)}
      defaultValue={search.filters[name] ?? ""}
      options={seen[name].map((value) => ({ value }))}
      onSelect={(value: string) => set(name, value)}
      onBlur={(event) => {
        const { value } = event.target as HTMLInputElement;
        if (value !== (search.filters[name] ?? "")) set(name, value);
      }}
      onInputKeyDown={(event) => event.key === "Enter" && set(name, event.currentTarget.value)}
      allowClear
      onClear={() => set(name, undefined)}
      style={{ width: 160 }}
    />
  );
  const filtered = FILTERS.some((name) => search.filters[name] !== undefined) || search.keys.length > 0;
  return (
    <Flex vertical gap="small" style={{ marginBottom: 12 }}>
      <KeyBox key={search.keys.join(",")} search={search} onChange={onChange} box={box} />
      <Flex wrap gap="small" align="center">
        <Select
          aria-label={t("filter.state")}
          value={search.filters.state ?? ""}
          onChange={(value) => set("state", value)}
          style={{ width: 140 }}
          options={[
            { value: "", label: `${t("filter.state")}: ${t("filter.any")}` },
            ...STATES.map((value) => ({ value, label: t(`parts:message.${value}`) })),
          ]}
        />
        <Select
          aria-label={t("filter.partner")}
          showSearch
          value={search.filters.partner ?? ""}
          onChange={(value) => set("partner", value)}
          style={{ width: 160 }}
          options={[
            { value: "", label: `${t("filter.partner")}: ${t("filter.any")}` },
            ...(partners.data?.items ?? []).map(({ partner }) => ({ value: partner, label: partner })),
          ]}
        />
        {typed("kind")}
        {typed("flow")}
        {filtered && <Button onClick={() => onChange({ keys: [], filters: {}, span: "today" })}>{t("filter.clear")}</Button>}
      </Flex>
      <SpanChoice search={search} onChange={(next) => onChange(fresh(next))} />
    </Flex>
  );
}

function KeyBox({ search, onChange, box }: Pick<FiltersProps, "search" | "onChange" | "box">) {
  const { t } = useTranslation("search");
  const [text, setText] = useState(search.keys.join("\n"));
  const keys = keysOf(text);
  const tooMany = keys.length > KEYS_MAX;
  const findThese = (some: readonly string[]): void =>
    onChange(
      fresh({ ...search, keys: some, span: some.length > 0 && search.keys.length === 0 && search.span === "today" ? "all" : search.span }),
    );
  const find = (): void => {
    if (!tooMany) findThese(keys);
  };
  return (
    <div>
      <Flex gap="small" align="start">
        <Input.TextArea
          ref={box}
          aria-label={t("box.label")}
          placeholder={t("box")}
          value={text}
          autoFocus
          // Not by autoSize: it measures with an inline style, which the CSP forbids, in a box that can be focused and is hidden.
          rows={Math.min(ROWS_MAX, text.split("\n").length)}
          style={{ resize: "none" }}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            find();
          }}
          status={tooMany ? "error" : ""}
        />
        <Button type="primary" icon={<SearchOutlined aria-hidden />} onClick={find}>
          {t("find")}
        </Button>
      </Flex>
      {tooMany && (
        <Flex gap="small" align="center">
          <Typography.Text type="danger" role="alert">
            {t("too.many", { max: KEYS_MAX, n: keys.length })}
          </Typography.Text>
          <Button size="small" onClick={() => findThese(keys.slice(0, KEYS_MAX))}>
            {t("too.many.first", { max: KEYS_MAX })}
          </Button>
        </Flex>
      )}
    </div>
  );
}

function SpanChoice({ search, onChange }: Pick<FiltersProps, "search" | "onChange">) {
  const { t } = useTranslation("search");
  const choose = (span: Span): void => onChange({ ...search, span });
  const day = (value: string | undefined) => (value === undefined ? null : dayjs(value));
  return (
    <Space wrap>
      <Segmented<Span>
        aria-label={t("span.label")}
        value={search.span}
        onChange={choose}
        options={SPANS.map((value) => ({ value, label: t(`span.${value}`) }))}
      />
      {search.span === "own" &&
        (["from", "to"] as const).map((end) => (
          <DatePicker
            key={end}
            aria-label={t(`span.${end}`)}
            placeholder={t(`span.${end}`)}
            value={day(search[end])}
            onChange={(value) => {
              const { [end]: _, ...rest } = search;
              onChange(value === null ? rest : { ...rest, [end]: value.format("YYYY-MM-DD") });
            }}
          />
        ))}
    </Space>
  );
}
