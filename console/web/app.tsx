import { Spin } from "antd";
import { Suspense } from "react";
import { Route, Routes } from "react-router";
import { PAGES } from "./pages.ts";

/** Every page at its address. Frame, sign-in, theme and language come around it. */
export function App() {
  return (
    <Suspense fallback={<Spin />}>
      <Routes>
        {PAGES.map(({ path, page: Page }) => (
          <Route key={path} path={path} element={<Page />} />
        ))}
      </Routes>
    </Suspense>
  );
}
