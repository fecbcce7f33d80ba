/** Why a connection that the app has switched off is offline. */
export const SWITCHED_OFF = "switched off here";
