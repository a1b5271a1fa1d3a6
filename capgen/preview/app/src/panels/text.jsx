// A text panel: Grafana's Markdown, sanitised by Grafana's own rules, since specs come from strangers.
import { useMemo } from 'react';
import { renderTextPanelMarkdown, textUtil } from '@grafana/data';

export function Text({ item, width, height }) {
  const { content = '', mode = 'markdown' } = item.panel.options ?? {};
  const html = useMemo(
    () => (mode === 'markdown' ? renderTextPanelMarkdown(content) : textUtil.sanitizeTextPanelContent(mode === 'code' ? textUtil.escapeHtml(content) : content)),
    [content, mode]
  );
  return <div className="markdown-html" style={{ width, height, overflow: 'auto' }} dangerouslySetInnerHTML={{ __html: html }} />;
}
