import { Routes, Route } from "react-router";
import { useMe } from "./api/me.ts";
import { Gate } from "./frame/gate.tsx";
import { NoRight, NotFound } from "./frame/lost.tsx";
import { Shell } from "./frame/shell.tsx";
import { OwnAccount, SetUp } from "./own-pages.ts";
import { PAGES, type PageEntry } from "./pages.ts";

function Allowed({ entry: { right, page: Page } }: { readonly entry: PageEntry }) {
  return useMe().rights.includes(right) ? <Page /> : <NoRight right={right} />;
}

/** Every page at its address, behind the sign-in; only the first set-up stands before it. */
export function App() {
  return (
    <Routes>
      <Route path="/setup" element={<SetUp />} />
      <Route element={<Gate />}>
        <Route element={<Shell />}>
          {PAGES.map((entry) => (
            <Route key={entry.path} path={entry.path} element={<Allowed entry={entry} />} />
          ))}
          <Route path="/me" element={<OwnAccount />} />
          <Route path="*" element={<NotFound />} />
        </Route>
      </Route>
    </Routes>
  );
}
