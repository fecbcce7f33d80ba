import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useConsole } from "./context.ts";
import { hasToken, signInWith, signOut, TOKEN_PATTERN } from "./signing-in.ts";

/** Stands in the bar as long as the gateway lets nobody in, or somebody is signed in here. */
export function SignIn() {
  const { connection } = useConsole();
  const isOpen = useSignal(false);
  const isOut = connection.value.name === "signed out";
  if (!isOut && !hasToken()) return null;
  return (
    <>
      <button
        type="button"
        class={isOut ? "primary" : "plain"}
        aria-haspopup="dialog"
        onClick={() => (isOpen.value = true)}
      >
        {isOut ? "Sign in" : "Sign out"}
      </button>
      {isOpen.value && <SignInDialog isOut={isOut} onClose={() => (isOpen.value = false)} />}
    </>
  );
}

function SignInDialog({ isOut, onClose }: { isOut: boolean; onClose: () => void }) {
  const { connection } = useConsole();
  const dialog = useRef<HTMLDialogElement>(null);
  const token = useSignal("");
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (isOut) signInWith(token.value);
    else signOut();
  };
  return (
    <dialog ref={dialog} class="sheet small" aria-labelledby="sign-in-title" onClose={onClose}>
      <form class="sign-in" onSubmit={submit}>
        <h2 id="sign-in-title">{isOut ? "Sign in" : "Sign out?"}</h2>
        {isOut ? (
          <>
            <p>
              {hasToken()
                ? connection.value.reason
                : "This gateway lets nobody in without a token. What is on this device for others stays theirs."}
            </p>
            <label>
              <span>Token (a JWT)</span>
              <input
                required
                type="password"
                autocomplete="off"
                spellcheck={false}
                pattern={TOKEN_PATTERN}
                title="Three parts with dots between them"
                value={token.value}
                onInput={(event) => (token.value = event.currentTarget.value)}
              />
            </label>
          </>
        ) : (
          <p>This tab forgets its token. What is kept on this device stays here, for when you are back.</p>
        )}
        <div class="actions">
          <button type="submit" class="primary">
            {isOut ? "Sign in" : "Sign out"}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Not now
          </button>
        </div>
      </form>
    </dialog>
  );
}
