import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode, Suspense } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { ApiProblem } from "./api/client.ts";
import { askMe, ME_KEY } from "./api/me.ts";
import { App } from "./app.tsx";
import "./frame/frame.css";
import { giveNonceToStyles, styleNonce } from "./frame/nonce.ts";
import { ThemeProvider } from "./frame/theme.tsx";
import { AskReasonProvider } from "./parts/ask-reason.tsx";
import { startTexts } from "./texts/index.ts";

giveNonceToStyles(styleNonce());
startTexts();

/** 401 that speak of what was typed, not of who is signed in. */
const OF_A_DEED: ReadonlySet<string> = new Set(["CODE_REFUSED", "SIGN_IN_REFUSED"]);
/** A session that has ended is noticed by whichever request comes first; asking who is signed in leads to the sign-in page. */
function noticeEnd(error: unknown): void {
  if (error instanceof ApiProblem && error.status === 401 && !OF_A_DEED.has(error.error.code) && client.getQueryData(ME_KEY) !== undefined)
    void client.resetQueries({ queryKey: ME_KEY });
}
const client = new QueryClient({
  queryCache: new QueryCache({ onError: noticeEnd }),
  mutationCache: new MutationCache({ onError: noticeEnd }),
  defaultOptions: { queries: { staleTime: 1_000, retry: false, refetchOnWindowFocus: true } },
});
// Asked at once, while the code of the page is still on its way.
void client.prefetchQuery({ queryKey: ME_KEY, queryFn: askMe, retry: false });
if (window.location.pathname === "/") void import("./pages/now/page.tsx");
const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <ThemeProvider>
        <BrowserRouter>
          <AskReasonProvider>
            <Suspense>
              <App />
            </Suspense>
          </AskReasonProvider>
        </BrowserRouter>
      </ThemeProvider>
    </QueryClientProvider>
  </StrictMode>,
);
