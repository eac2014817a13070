import { untrack } from 'svelte';

import type { Account } from '../../bindings/Account';
import type { CommandError } from '../../bindings/CommandError';
import type { PendingSignIn } from '../../bindings/PendingSignIn';
import type { SignInWay } from '../../bindings/SignInWay';
import type { App } from '../../lib/app.svelte';
import { asCommandError } from '../../lib/errors';

/** One sign-in: with the browser, or with a pasted AuthID. */
export class SignIn {
  pending: PendingSignIn | null = $state(null);
  busy = $state(false);
  error: CommandError | null = $state(null);
  #app: App;
  #again: string | null;

  /** `again` is the account that signs in again; without it, any account is accepted. */
  constructor(app: App, again: Account | null) {
    this.#app = app;
    this.#again = again?.id ?? null;
  }

  async start(way: SignInWay): Promise<void> {
    await this.cancel();
    this.error = null;
    this.busy = true;
    try {
      this.pending = await this.#app.platform.startSignIn({ way, again: this.#again });
    } catch (reason) {
      this.error = asCommandError(reason);
    } finally {
      this.busy = false;
    }
  }

  async cancel(): Promise<void> {
    const pending = this.pending;
    this.pending = null;
    if (pending) await this.#app.platform.cancelSignIn(pending.id).catch(() => undefined);
  }

  /** The account, once the pending sign-in has succeeded; called whenever outcomes change. */
  takeOutcome(): Account | null {
    const outcome = this.pending && this.#app.signIns[this.pending.id];
    if (!outcome) return null;
    this.pending = null;
    if (outcome.kind === 'done') return outcome.account;
    this.error = outcome.error;
    return null;
  }

  async paste(authId: string): Promise<Account | null> {
    this.error = null;
    this.busy = true;
    try {
      return await this.#app.platform.addPastedAuthId(authId.trim(), this.#again);
    } catch (reason) {
      this.error = asCommandError(reason);
      return null;
    } finally {
      this.busy = false;
    }
  }
}

/** A sign-in of a component that is being set up; it ends with the component. Calls `use` with the account. */
export function signInOf(app: App, again: Account | null, use: (account: Account) => void): SignIn {
  const signIn = new SignIn(app, again);
  $effect(() => () => void signIn.cancel());
  $effect(() => {
    const done = signIn.takeOutcome();
    if (done) untrack(() => use(done));
  });
  return signIn;
}
