'use strict';
// Pages work as links and forms; this adds charts, saving them, sliders and keys.
(() => {
  const root = document.documentElement;
  const colour = name => getComputedStyle(root).getPropertyValue(name).trim();
  const points = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const number = new Intl.NumberFormat('en', { maximumFractionDigits: 3 });
  const written = (value, unit) => value == null || Number.isNaN(value) ? '' : unit === 'percent' ? `${number.format(Math.round(value * 1000) / 10)} %` : number.format(value);

  function options(chart, width) {
    const small = width < 420;
    const text = colour('--text'), muted = colour('--muted'), line = colour('--line');
    const palette = [colour('--accent'), colour('--series-2'), colour('--series-3'), muted];
    const values = chart.kind === 'line' && chart.numeric;
    const axis = { axisLine: { lineStyle: { color: line } }, axisLabel: { color: muted, fontSize: 11, hideOverlap: true }, splitLine: { lineStyle: { color: line } }, nameTextStyle: { color: muted, fontSize: 11 } };
    const x = values
      ? { ...axis, type: chart.log ? 'log' : 'value', name: chart.xName, nameLocation: 'middle', nameGap: 24, min: chart.xMin ?? (chart.log ? 'dataMin' : undefined), max: chart.xMax ?? undefined, splitLine: { show: false }, axisLabel: { ...axis.axisLabel, formatter: v => written(v, chart.xUnit) } }
      : { ...axis, type: 'category', data: chart.labels, name: chart.xName, nameLocation: 'middle', nameGap: 24 };
    const y = { ...axis, type: 'value', name: '', min: chart.yMin ?? undefined, max: chart.yMax ?? undefined, scale: chart.kind === 'line', axisLabel: { ...axis.axisLabel, formatter: v => written(v, chart.unit) } };
    const horizontal = chart.kind === 'waterfall' || chart.kind === 'rows';
    if (horizontal) { x.inverse = true; x.name = ''; x.axisLabel.width = small ? 110 : 190; x.axisLabel.overflow = 'truncate'; x.axisLabel.hideOverlap = false; x.axisLabel.interval = 0; }
    // Few names stand side by side, cut where they are long; of many, ECharts leaves some out.
    else if (!values && chart.labels.length <= 12) Object.assign(x.axisLabel, { interval: 0, hideOverlap: false, width: (width - 60) / chart.labels.length - 4, overflow: 'truncate' });
    let series;
    if (chart.kind === 'waterfall') {
      const steps = chart.series[0].data, from = [], up = [], down = [], total = [];
      let sum = 0;
      steps.forEach((step, i) => {
        const whole = i === 0 || i === steps.length - 1;
        const low = whole ? 0 : Math.min(sum, sum + step);
        from.push(low); total.push(whole ? step : null); up.push(!whole && step >= 0 ? step : null); down.push(!whole && step < 0 ? -step : null);
        sum = whole ? step : sum + step;
      });
      const part = (name, data, color, sign) => ({ name, type: 'bar', stack: 'w', data, itemStyle: { color }, barCategoryGap: '28%', label: { show: true, position: 'right', color: text, fontSize: 11, formatter: p => p.value == null ? '' : sign + points.format(p.value) } });
      series = [{ type: 'bar', stack: 'w', data: from, silent: true, itemStyle: { color: 'transparent' }, tooltip: { show: false } },
        part('Score', total, colour('--series-2'), ''), part('Raises', up, colour('--accent'), '+'), part('Lowers', down, colour('--bad'), '−')];
    } else {
      series = chart.series.map((s, i) => ({
        name: s.name, type: chart.kind === 'line' ? 'line' : 'bar', data: values ? s.points : s.data, stack: s.stack || undefined, symbolSize: 5, showSymbol: (values ? s.points : s.data).length < 25,
        step: s.step ? 'end' : undefined, barMaxWidth: 34, itemStyle: { color: palette[s.colour ?? i % palette.length] }, lineStyle: { width: 2, type: s.dashed ? 'dashed' : 'solid' }, emphasis: { disabled: true }, silent: s.dashed }));
    }
    return {
      animation: false, textStyle: { fontFamily: 'system-ui, sans-serif', color: text }, aria: { enabled: false },
      grid: { left: 8, right: horizontal ? 44 : 26, top: chart.series.length > 1 && chart.kind !== 'waterfall' ? 30 : 14, bottom: chart.xName && !horizontal ? 26 : 6, containLabel: true },
      legend: chart.series.length > 1 && chart.kind !== 'waterfall' ? { top: 0, left: 0, itemWidth: 14, itemHeight: 8, textStyle: { color: muted, fontSize: 11 } } : undefined,
      // Rich text rather than HTML: the latter needs inline styles, which the page's policy forbids.
      tooltip: { trigger: 'axis', renderMode: 'richText', confine: true, backgroundColor: colour('--card'), borderColor: line, textStyle: { color: text, fontSize: 12 },
        axisPointer: { type: horizontal || chart.kind === 'bar' ? 'shadow' : 'line', shadowStyle: { color: colour('--soft'), opacity: .5 } },
        formatter: many => {
          const shown = many.filter(p => p.seriesName && !p.seriesName.startsWith('series') && p.value != null && (Array.isArray(p.value) ? p.value[1] : p.value) != null);
          const head = values ? `${chart.xName || ''} ${written(many[0].value[0], chart.xUnit)}` : many[0].axisValueLabel;
          return [head, ...shown.map(p => `${p.seriesName}: ${written(Array.isArray(p.value) ? p.value[1] : p.value, chart.unit)}`)].join('\n');
        } },
      xAxis: horizontal ? { ...y, scale: false } : x, yAxis: horizontal ? x : y, series,
    };
  }

  const charts = new Map();
  function draw(figure) {
    if (!window.echarts) return;
    const plot = figure.querySelector('.plot');
    const chart = JSON.parse(figure.dataset.chart);
    charts.get(figure)?.plot.dispose();
    const made = echarts.init(plot, null, { renderer: 'canvas' });
    made.setOption(options(chart, plot.clientWidth));
    charts.set(figure, { plot: made, chart });
  }
  function drawAll(within) {
    for (const figure of charts.keys()) if (!figure.isConnected) { charts.get(figure).plot.dispose(); charts.delete(figure); }
    within.querySelectorAll('figure.chart').forEach(draw);
    // What can only be scrolled must be reached by keyboard.
    within.querySelectorAll('.scroll, pre').forEach(part => { if (part.scrollWidth > part.clientWidth) part.tabIndex = 0; });
  }
  let resizing;
  addEventListener('resize', () => { clearTimeout(resizing); resizing = setTimeout(() => charts.forEach(c => c.plot.resize()), 100); });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => drawAll(document));

  function save(name, type, text) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  // A field that a spreadsheet would take for a formula is text: names come from outside.
  const field = text => { const safe = /^[=+@\t\r]/.test(text) || (/^-/.test(text) && Number.isNaN(Number(text))) ? "'" + text : text; return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe; };
  const csv = table => [...table.rows].map(row => [...row.cells].map(cell => field(cell.dataset.value ?? cell.textContent.trim().replace(/\s+/g, ' '))).join(',')).join('\r\n') + '\r\n';
  const nameOf = figure => figure.querySelector('figcaption').firstChild.textContent.trim().toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');

  document.addEventListener('click', event => {
    const button = event.target.closest('[data-save]');
    if (button) {
      const figure = button.closest('figure.chart');
      if (button.dataset.save === 'csv') save(nameOf(figure) + '.csv', 'text/csv', csv(figure.querySelector('table')));
      else if (charts.has(figure)) {
        const plot = figure.querySelector('.plot');
        const width = Math.max(plot.clientWidth, 640);
        const drawn = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height: Math.max(plot.clientHeight, 300) });
        drawn.setOption({ ...options(charts.get(figure).chart, width), backgroundColor: colour('--card') });
        save(nameOf(figure) + '.svg', 'image/svg+xml', drawn.renderToSVGString());
        drawn.dispose();
      }
    }
    if (event.target.closest('[data-theme-switch]')) {
      const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
      root.dataset.theme = dark ? 'light' : 'dark';
      document.cookie = `leadscoring_theme=${root.dataset.theme}; path=/dashboard; max-age=31536000; samesite=lax`;
      drawAll(document);
    }
  });
  document.addEventListener('submit', event => {
    const asked = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
    if (asked && !confirm(asked)) event.preventDefault();
    else if (event.target.dataset.busy) { const b = event.submitter; setTimeout(() => { b.disabled = true; b.textContent = event.target.dataset.busy; }); }
  });
  document.addEventListener('change', event => {
    // What was said of one file says nothing of the next.
    if (event.target.dataset?.clears) document.querySelector(event.target.dataset.clears).replaceChildren();
  });
  // A form that takes long: the page looks how far it is while the answer is awaited.
  let looking;
  document.addEventListener('htmx:beforeRequest', event => {
    if (event.target.matches('form[data-progress]')) { clearInterval(looking); looking = setInterval(() => htmx.trigger(document.body, 'look'), 500); }
  });
  document.addEventListener('htmx:afterRequest', event => {
    if (event.target.matches('form[data-progress]')) { clearInterval(looking); htmx.trigger(document.body, 'look'); }
  });
  document.addEventListener('input', event => {
    if (event.target.type === 'range') event.target.closest('label').querySelector('output').textContent = number.format(event.target.value);
  });

  // Lists by keyboard: j and k go, Enter opens; on the review page 1, 2 and 3 judge.
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    if (event.key === '/') { const box = document.querySelector('input[type=search]'); if (box) { event.preventDefault(); box.focus(); } return; }
    const key = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (key) { event.preventDefault(); key.click(); return; }
    if (event.key !== 'j' && event.key !== 'k') return;
    const rows = [...document.querySelectorAll('tr.row a.first')];
    if (rows.length === 0) return;
    const at = rows.indexOf(document.activeElement);
    rows[Math.min(Math.max(event.key === 'j' ? at + 1 : at - 1, 0), rows.length - 1)].focus();
  });

  const small = matchMedia('(max-width: 720px)');
  const menu = () => { const m = document.querySelector('.side details'); if (m) m.open = !small.matches; };
  small.addEventListener('change', menu);
  menu();
  drawAll(document);
  document.addEventListener('htmx:afterSettle', event => drawAll(event.detail.elt));
})();
