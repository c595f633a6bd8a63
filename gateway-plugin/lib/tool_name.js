export const TOOL_NAME = 'b2_rollback';
