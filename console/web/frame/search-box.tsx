/** One box for any business key, wherever one is: `/` goes there, Enter searches; a pasted list becomes one search. */
import { SearchOutlined } from "@ant-design/icons";
import { Input, type InputRef } from "antd";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useNavigate, useSearchParams } from "react-router";
import { addressOf, keysOf } from "../pages/search/address.ts";

/** Whether a key press is meant for what has the focus. */
const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export function SearchBox() {
  const { t } = useTranslation("frame");
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const [params] = useSearchParams();
  const shown = pathname === "/search" ? (params.get("q") ?? "") : "";
  const [text, setText] = useState(shown);
  const box = useRef<InputRef>(null);

  useEffect(() => setText(shown), [shown]);
  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
      event.preventDefault();
      box.current?.focus({ cursor: "all" });
    };
    window.addEventListener("keydown", focus);
    return () => window.removeEventListener("keydown", focus);
  }, []);

  const search = (): void => {
    const keys = keysOf(text);
    if (keys.length === 0) return;
    void navigate(`/search?${addressOf({ keys, filters: {}, span: "all" })}`);
  };

  return (
    <search style={{ flex: "1 1 260px", maxWidth: 520 }}>
      <Input
        ref={box}
        value={text}
        prefix={<SearchOutlined aria-hidden />}
        suffix={<kbd aria-hidden>/</kbd>}
        allowClear
        placeholder={t("search.placeholder")}
        aria-label={t("search.label")}
        aria-keyshortcuts="/"
        onChange={(event) => setText(event.target.value)}
        onPaste={(event) => {
          const pasted = event.clipboardData.getData("text");
          if (!/[\r\n\t]/.test(pasted)) return;
          // A one-line box would join the lines of a list without anything between them.
          event.preventDefault();
          setText(keysOf(`${text}\n${pasted}`).join(","));
        }}
        onPressEnter={search}
      />
    </search>
  );
}
