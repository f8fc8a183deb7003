namespace Elt.Service.Demo;

/// <summary>What is going on, on stderr: one line that is updated on a terminal, a line now and then elsewhere.</summary>
internal sealed class DemoProgress(TimeProvider time)
{
    private const string BackAndClear = "\r\e[K";
    private static readonly TimeSpan Rarely = TimeSpan.FromSeconds(5);

    private readonly bool _isTerminal = !Console.IsErrorRedirected;
    private long _lastLine = time.GetTimestamp();
    private bool _isLineOpen;

    /// <summary>Something that stays to be read.</summary>
    public void Say(string text)
    {
        Clear();
        Console.Error.WriteLine(text);
    }

    /// <summary>Takes the updated line away.</summary>
    public void Clear()
    {
        if (_isLineOpen)
            Console.Error.Write(BackAndClear);
        _isLineOpen = false;
    }

    /// <summary>Where the run stands.</summary>
    public void Update(string text)
    {
        if (_isTerminal)
        {
            var width = Console.BufferWidth is > 1 and var columns ? columns - 1 : 79;
            Console.Error.Write(BackAndClear + (text.Length > width ? text[..width] : text));
            _isLineOpen = true;
        }
        else if (time.GetElapsedTime(_lastLine) >= Rarely)
        {
            Console.Error.WriteLine(text);
            _lastLine = time.GetTimestamp();
        }
    }
}
