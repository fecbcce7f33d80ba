import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { ConsoleState } from "./state.ts";

const StateContext = createContext<ConsoleState | undefined>(undefined);

/** Hands the page's state to everything below it. */
export const StateProvider = StateContext.Provider;

/** The page's state; only below a `StateProvider`. */
export function useConsole(): ConsoleState {
  const state = useContext(StateContext);
  if (state === undefined) throw new Error("useConsole: there is no StateProvider above");
  return state;
}
