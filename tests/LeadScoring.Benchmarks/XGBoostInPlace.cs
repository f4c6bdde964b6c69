using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Benchmarks;

/// <summary>XGBoost's fastest way to score rows that are in memory already: XGBoosterPredictFromDense, one thread, no matrix made, nothing copied.</summary>
internal sealed unsafe class XGBoostInPlace : IDisposable
{
    private const string Config = """{"type": 1, "training": false, "iteration_begin": 0, "iteration_end": 0, "strict_shape": false, "missing": NaN, "cache_id": 0}""";

    private static readonly delegate* unmanaged<nint, byte*, byte*, nint, ulong**, ulong*, float**, int> PredictFromDense =
        (delegate* unmanaged<nint, byte*, byte*, nint, ulong**, ulong*, float**, int>)NativeLibrary.GetExport(XGBoostLibrary.Handle, "XGBoosterPredictFromDense");

    private readonly BoosterHandle booster;
    private readonly byte[] config = Encoding.UTF8.GetBytes(Config + "\0");
    private readonly byte[] description = new byte[256];

    internal XGBoostInPlace(byte[] model)
    {
        XGBoostLibrary.Require();
        booster = BoosterHandle.Create(null, 0);
        fixed (byte* bytes = model) XGBoostException.Check(NativeMethods.XGBoosterLoadModelFromBuffer(booster, bytes, (ulong)model.Length));
        XGBoostException.Check(NativeMethods.XGBoosterSetParam(booster, "nthread", "1"));
    }

    /// <summary>Margins of rows whose memory does not move. The result is XGBoost's own buffer, good until the next call.</summary>
    internal ReadOnlySpan<float> Margins(float* rows, int count, int columns)
    {
        // The array interface is text; writing it is part of every call of this API.
        if (!Utf8.TryWrite(description, $$"""{"data": [{{(long)rows}}, true], "shape": [{{count}}, {{columns}}], "typestr": "<f4", "version": 3}""", out var length))
            throw new InvalidOperationException("description too long");
        description[length] = 0;
        ulong* shape;
        ulong dimensions;
        float* result;
        fixed (byte* array = description, how = config)
            XGBoostException.Check(PredictFromDense(booster.DangerousGetHandle(), array, how, 0, &shape, &dimensions, &result));
        return new ReadOnlySpan<float>(result, count);
    }

    public void Dispose() => booster.Dispose();
}
